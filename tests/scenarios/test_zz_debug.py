import time
from tests.scenarios.test_fairness import *  # noqa
from tests.scenarios.test_fairness import bulk, pool  # noqa
def test_debug(bulk, pool, valkey, tmp_path):
    small = make_customer("Small", pool)
    made = mailings.create(customer=small, draft=replace(DRAFT, kind="transactional"), given=[Given("taro@corporate.example", {"name":"x"})], by="test", now=timezone.now())
    for _ in range(8):
        time.sleep(1)
        made.refresh_from_db()
        print("DBG", made.state, list(Delivery.objects.filter(mailing=made).values_list("state","reason","destination")), {k: valkey.type(k) for k in valkey.keys("*") if b"unacked" not in k and b"kombu" not in k}, valkey.llen("hatobin:default"), valkey.llen("hatobin:dispatch"))
    for f in tmp_path.glob("*.log"): print("LOG", f.name, f.read_text()[-1500:])
