"""The protocol of a metric: what must be equal before two numbers may stand side by side."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def protocol_hash(protocol: Mapping[str, Any]) -> str:
    """12 hexadecimal digits that name a protocol; equal for equal protocols in any order of their entries."""
    return hashlib.blake2b(json.dumps(protocol, sort_keys=True).encode(), digest_size=6).hexdigest()
