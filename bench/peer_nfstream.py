"""nfstream on one capture, for `run.py`: every flow is iterated, as its users do."""

import sys

from nfstream import NFStreamer

if __name__ == "__main__":
    print(sum(1 for _ in NFStreamer(source=sys.argv[1], n_meters=1)))
