"""The rules a bucket is given, as a net under the sweeper, in the words of the S3 API."""

import math
from collections.abc import Sequence
from typing import Any

from vimix.stores import FOLDERS

OURS = "vimix"
"""How the names of our rules begin; rules of others are left alone."""


def expiry(days: float) -> list[dict[str, Any]]:
    """Objects go after whole days, parts of uploads that nobody finished after one."""
    return [
        {
            "ID": f"{OURS}-{folder}",
            "Status": "Enabled",
            "Filter": {"Prefix": f"{folder}/"},
            "Expiration": {"Days": max(1, math.ceil(days))},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
        }
        for folder in FOLDERS
    ]


def cors(origins: Sequence[str]) -> dict[str, Any]:
    """Pages of these origins may play results and send uploads; with none named, any page that holds a link."""
    return {
        "ID": OURS,
        "AllowedMethods": ["GET", "HEAD", "PUT"],
        "AllowedOrigins": list(origins) or ["*"],
        "AllowedHeaders": ["content-type", "range"],
        "ExposeHeaders": ["ETag", "Content-Length", "Content-Range", "Content-Disposition"],
        "MaxAgeSeconds": 3600,
    }
