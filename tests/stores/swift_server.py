"""OpenStack Swift with its S3 layer, all four servers in one process on loopback. Run by a Python that has `swift`.

python swift_server.py FOLDER        prints {"port": ...} once it answers, and serves until its input is closed
"""

import json
import os
import sys
from pathlib import Path

import eventlet

eventlet.monkey_patch()

from eventlet import wsgi  # noqa: E402
from swift.common import storage_policy, utils  # noqa: E402
from swift.common.ring.builder import RingBuilder  # noqa: E402
from swift.common.wsgi import loadapp  # noqa: E402

os.fsync = os.fdatasync = lambda handle: None  # the disk need not survive: ten times faster

PROXY = """
[DEFAULT]
swift_dir = {etc}
[pipeline:main]
pipeline = catch_errors listing_formats s3api tempauth bulk slo proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:s3api]
use = egg:swift#s3api
location = auto
s3_acl = false
check_bucket_owner = false
min_segment_size = 5242880
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = SKtest12345678 .admin
storage_url_scheme = default
[filter:bulk]
use = egg:swift#bulk
[filter:slo]
use = egg:swift#slo
"""
BACK = """
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
swift_dir = {etc}
devices = {devices}
mount_check = false
[pipeline:main]
pipeline = {name}-server
[app:{name}-server]
use = egg:swift#{name}
"""


def main(folder: Path) -> None:
    etc, devices = folder / "etc", folder / "srv"
    (devices / "d1").mkdir(parents=True)
    etc.mkdir()
    utils.SWIFT_CONF_FILE = str(etc / "swift.conf")
    (etc / "swift.conf").write_text(
        "[swift-hash]\nswift_hash_path_suffix = a\nswift_hash_path_prefix = b\n"
        "[storage-policy:0]\nname = p0\ndefault = yes\n"
    )
    utils.validate_hash_conf()
    storage_policy.reload_storage_policies()
    for name in ("account", "container", "object"):
        listener = eventlet.listen(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        builder = RingBuilder(4, 1, 1)
        builder.add_dev({"region": 1, "zone": 1, "weight": 1, "ip": "127.0.0.1", "port": port, "device": "d1"})
        builder.rebalance()
        builder.get_ring().save(str(etc / f"{name}.ring.gz"))
        conf = etc / f"{name}-server.conf"
        conf.write_text(BACK.format(port=port, etc=etc, devices=devices, name=name))
        eventlet.spawn(wsgi.server, listener, loadapp(str(conf)), log_output=False)
    conf = etc / "proxy-server.conf"
    conf.write_text(PROXY.format(etc=etc))
    listener = eventlet.listen(("127.0.0.1", 0))
    eventlet.spawn(wsgi.server, listener, loadapp(str(conf)), log_output=False)
    print(json.dumps({"port": listener.getsockname()[1]}), flush=True)
    eventlet.tpool.execute(sys.stdin.read)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
