"""``python -m streamhold_client``: the same as ``streamhold-client``."""

import sys

from streamhold_client.command import main

sys.exit(main(program="python -m streamhold_client"))
