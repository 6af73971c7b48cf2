def ensure_model(): return {}
