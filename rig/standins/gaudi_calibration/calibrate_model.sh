#!/usr/bin/env bash
# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A stand-in for vllm-gaudi's script of this name: its options, its steps in their order and the files that it leaves,
# without a Gaudi and without running the model. STANDIN_FAULT names what goes wrong (see steps.py).
set -e
cd "$(dirname "$0")"

batch=32 ranks=1 limit=0 unify="" experts=""
while getopts "m:b:l:t:d:h:o:r:ue" option; do
    case $option in
        m) model=$OPTARG ;;
        d) dataset=$OPTARG ;;
        o) output=$(realpath -m "$OPTARG") ;;
        b) batch=$OPTARG ;;
        l) limit=$OPTARG ;;
        t) ranks=$OPTARG ;;
        r) unify=$OPTARG ;;
        u) experts=yes ;;
        e) ;;
        *) exit 1 ;;
    esac
done
echo "stand-in: batch $batch, limit $limit, ranks $ranks, unify ${unify:-no}, experts ${experts:-no}"

name=$(basename "$model")
[ "$STANDIN_FAULT" = mixed-case ] || name=${name,,}

echo "Step 0 - detecting used device type"
python3 step-0-detect-device.py > /dev/null || device=g$?
case $device in
    g2 | g3) ;;
    *)
        echo "Invalid device type: $device. Allowed devices: g2 g3"
        exit 1
        ;;
esac

stats=$output/$name/$device
mkdir -p "$stats"
common='"observer": "maxabs", "allowlist": {"types": [], "names": []}, "blocklist": {"types": [], "names": []}'
echo "{\"method\": \"HOOKS\", \"mode\": \"MEASURE\", $common, \"dump_stats_path\": \"$stats/inc_output\"}" \
    > "$output/$name/maxabs_measure_$device.json"
echo "{\"mode\": \"QUANTIZE\", \"scale_method\": \"maxabs_hw\", $common, \"dump_stats_path\": \"$stats/inc_output\"}" \
    > "$output/$name/maxabs_quant_$device.json"

step() {
    echo "$1/4 $2"
    python3 steps.py "$2" "${@:3}" || (echo "Error in step $1" && exit 1)
    echo "Step $1/4 done"
}
step 1 prepare "$dataset" "$limit" "$name-calibration-dataset.pkl"
step 2 measure "$model" "$stats" "$ranks" "$name-calibration-dataset.pkl"
step 3 postprocess "$stats"
step 4 quantize "$stats" "$ranks"
if [ -n "$unify" ]; then
    echo "5/5 Unify scales"
    python3 steps.py unify "$stats" "$ranks" "$unify" || (echo "Error in step 5" && exit 1)
    echo "Step 5/5 done"
fi
echo "Calibration process done"
