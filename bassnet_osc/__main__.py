"""`python -m bassnet_osc`: the same as the command `bassnet`."""

import sys

from bassnet_osc.cli import main

if __name__ == "__main__":
    sys.exit(main())
