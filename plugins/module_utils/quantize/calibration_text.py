# Copyright: (c) 2026, the inference.fleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: RUF001  (some languages have letters that look like Latin ones)
"""Text of many kinds, on which a model is calibrated that came without data of its own.

It is enough for the ranges of activations (fp8_static, fp8_kv). Data like the real requests is better, above all for
w4a16.
"""

from __future__ import annotations

TEXTS = (
    (
        "The lighthouse had been dark for eleven winters when the letter came. It was addressed to the keeper, a "
        "title that nobody in the village had used since the automatic lamp was switched off, and it asked, in a "
        "careful hand, whether the spare room was still to let. Marta read it twice at the post office counter, "
        "then walked out along the causeway with the tide at her heels, thinking of how many stairs there were "
        "and how few of them could be trusted."
    ),
    (
        "Water expands by about nine percent when it freezes, because the molecules arrange themselves in an "
        "open hexagonal lattice in which each is bound to four neighbours. This is why ice floats, why pipes "
        "burst in a cold winter, and why lakes freeze from the top: the water of greatest density, at roughly "
        "four degrees Celsius, sinks to the bottom and stays there, so that fish survive beneath the ice until "
        "spring."
    ),
    (
        "def merge(left: list[int], right: list[int]) -> list[int]:\n"
        '    """Merge two sorted lists into one that is sorted."""\n'
        "    result: list[int] = []\n"
        "    i = j = 0\n"
        "    while i < len(left) and j < len(right):\n"
        "        if left[i] <= right[j]:\n"
        "            result.append(left[i])\n"
        "            i += 1\n"
        "        else:\n"
        "            result.append(right[j])\n"
        "            j += 1\n"
        "    return result + left[i:] + right[j:]\n"
        "\n"
        "\n"
        "assert merge([1, 4, 9], [2, 3, 10]) == [1, 2, 3, 4, 9, 10]\n"
    ),
    (
        "Question: A train leaves at 09:40 and travels 210 km at an average of 84 km/h. It then waits for 25 "
        "minutes and goes on for another 126 km at 72 km/h. When does it arrive?\n"
        "Answer: The first part takes 210 / 84 = 2.5 hours, so the train reaches the stop at 12:10. It leaves "
        "again at 12:35. The second part takes 126 / 72 = 1.75 hours, which is 1 hour and 45 minutes. It arrives "
        "at 14:20."
    ),
    (
        '{"order": {"id": 48213, "customer": {"name": "Ivana Petrović", "email": "ivana@example.com"}, "items": '
        '[{"sku": "KB-104-DE", "quantity": 1, "price": 79.90}, {"sku": "USB-C-2M", "quantity": 3, "price": '
        '8.50}], "currency": "EUR", "paid": true, "shipping": {"method": "parcel", "tracking": null}, '
        '"created_at": "2024-03-17T08:22:41Z"}}'
    ),
    (
        "Die Bibliothek öffnet werktags um acht Uhr. Wer ein Buch sucht, das nicht im Regal steht, kann es am "
        "Schalter vormerken lassen und wird benachrichtigt, sobald es zurückgegeben ist. Für Zeitschriften gilt "
        "das nicht: Sie dürfen nur im Lesesaal benutzt werden. Le musée est fermé le mardi, sauf pendant les "
        "vacances scolaires. El último tren sale a las once y media de la noche, pero los domingos hay otro a "
        "medianoche."
    ),
    (
        "人工智能的发展改变了人们获取信息的方式。过去需要在图书馆里查找半天的资料，现在几秒钟就能找到；但是，找到"
        "的内容是否可靠，仍然需要读者自己判断。日本語では、文の終わりに動詞が来るため、最後まで聞かないと意味が分"
        "からないことがあります。Москва и Санкт-Петербург соединены железной дорогой с 1851 года."
    ),
    (
        "user: My laptop will not connect to the Wi-Fi at home, but my phone does. What should I try?\n"
        "assistant: Since the phone connects, the router is working, so the problem is probably on the laptop. "
        "Try these in order: 1. Turn Wi-Fi off and on again. 2. Forget the network and enter the password anew. "
        "3. Restart the laptop. 4. Check that the date and time are right, because a wrong clock makes some "
        "networks refuse the connection. 5. Update or reinstall the wireless driver. If none of this helps, tell "
        "me which operating system you use and what message you see."
    ),
    (
        "The committee met on 12 June to review the budget for the coming year. Income from membership fees rose "
        "by 4.2% to $318,400, while costs for the annual conference fell by $11,750 after the move to a smaller "
        "venue. The treasurer proposed to put $25,000 into the reserve fund; the motion was carried with nine "
        "votes in favour, one against and two abstentions. The secretary will circulate the minutes before the "
        "end of the month."
    ),
    (
        "SELECT c.country, COUNT(DISTINCT o.customer_id) AS buyers, SUM(o.total) AS revenue\n"
        "FROM orders AS o\n"
        "JOIN customers AS c ON c.id = o.customer_id\n"
        "WHERE o.created_at >= DATE '2024-01-01' AND o.status <> 'cancelled'\n"
        "GROUP BY c.country\n"
        "HAVING SUM(o.total) > 10000\n"
        "ORDER BY revenue DESC\n"
        "LIMIT 20;\n"
    ),
    (
        "To make the dough, mix 500 g of flour with 7 g of dried yeast and 10 g of salt. Add 320 ml of lukewarm "
        "water and two tablespoons of olive oil, and knead for ten minutes until the dough is smooth and springs "
        "back when pressed. Cover it with a damp cloth and let it rise in a warm place for an hour, or overnight "
        "in the refrigerator, which gives it more flavour. Heat the oven as hot as it will go before you shape "
        "the first base."
    ),
    (
        "Theorem. There are infinitely many prime numbers. Proof. Suppose that there were only finitely many, "
        "p_1, p_2, ..., p_n. Let N = p_1 p_2 ... p_n + 1. Since N > 1, it has a prime divisor q. But q cannot be "
        "any of the p_i, for then it would divide both N and N - 1, and therefore 1. So q is a prime that is not "
        "in the list, which contradicts the assumption. Hence there are infinitely many primes."
    ),
    (
        "The right to erasure is not absolute. A controller may refuse a request where processing is necessary "
        "for compliance with a legal obligation, for reasons of public interest in the area of public health, "
        "for archiving purposes, or for the establishment, exercise or defence of legal claims. Where the "
        "personal data have been disclosed to others, the controller shall inform each recipient of the erasure, "
        "unless this proves impossible or involves disproportionate effort."
    ),
    (
        "# Installation\n"
        "\n"
        "You need Python 3.9 or newer. Create an environment and install the package:\n"
        "\n"
        "```bash\n"
        "python3 -m venv .venv\n"
        "source .venv/bin/activate\n"
        "pip install --editable .\n"
        "```\n"
        "\n"
        "## Configuration\n"
        "\n"
        "| option | default | meaning |\n"
        "| --- | --- | --- |\n"
        "| `--port` | `8080` | where the server listens |\n"
        "| `--workers` | `4` | processes that answer requests |\n"
        "| `--log-level` | `info` | one of `debug`, `info`, `warning`, `error` |\n"
    ),
    (
        "2024-05-02 13:04:55,218 INFO  [main] Starting worker pool with 8 threads\n"
        "2024-05-02 13:04:55,391 WARN  [pool-3] Connection to 10.0.4.17:5432 refused, retry 1 of 5 in 2.0 s\n"
        "2024-05-02 13:04:57,402 ERROR [pool-3] java.sql.SQLTimeoutException: no answer within 2000 ms\n"
        "    at com.example.db.Pool.acquire(Pool.java:118)\n"
        "    at com.example.api.Orders.list(Orders.java:64)\n"
        "2024-05-02 13:04:59,410 INFO  [pool-3] Connected after 2 attempts\n"
    ),
    (
        "Patients with type 2 diabetes are often treated with metformin first, together with changes of diet and "
        "more exercise. If the level of glycated haemoglobin stays above the target after three months, a second "
        "drug is added; which one depends on the kidneys, the heart, the weight and what the patient prefers. "
        "Blood pressure and cholesterol should be checked at every visit, and the eyes and feet at least once a "
        "year."
    ),
    (
        "When in the course of a long voyage the wind fails, a sailor learns to wait. The sea lies flat and grey "
        "as slate; the sails hang; the rudder answers to nothing. One mends what can be mended, writes what can "
        "be written, and listens at night to the timbers talking. Then, without a sign, a dark line comes over "
        "the water from the west, and every hand is on deck before the captain has said a word."
    ),
    (
        "import React, { useEffect, useState } from 'react';\n"
        "\n"
        "export function Clock({ zone = 'UTC' }) {\n"
        "  const [now, setNow] = useState(() => new Date());\n"
        "  useEffect(() => {\n"
        "    const timer = setInterval(() => setNow(new Date()), 1000);\n"
        "    return () => clearInterval(timer);\n"
        "  }, []);\n"
        "  return <time>{now.toLocaleTimeString('en-GB', { timeZone: zone })}</time>;\n"
        "}\n"
    ),
    (
        "Summarize the following message in one sentence and say whether it needs an answer.\n"
        "\n"
        "Hi all, the lift in building C will be out of service from Monday 7:00 to Wednesday 18:00 for its "
        "yearly inspection. Deliveries should go through the loading bay of building B. If you need help because "
        "you cannot use the stairs, call the front desk (extension 4410) by Friday noon.\n"
        "\n"
        "Summary: The lift in building C is closed from Monday to Wednesday, and deliveries go through building "
        "B. An answer is needed, by Friday noon, only from those who cannot use the stairs."
    ),
    (
        "Monopolistic competition describes markets with many firms whose products differ a little from each "
        "other: restaurants, hairdressers, publishers of crime novels. Each firm has some power over its price, "
        "since its customers would not all leave if it charged more, but new firms enter as long as there are "
        "profits to be made. In the long run price equals average cost, yet lies above marginal cost, and firms "
        "produce less than the quantity at which their costs are lowest."
    ),
)

HELD_OUT = TEXTS[-6:]  # nothing is calibrated on these
