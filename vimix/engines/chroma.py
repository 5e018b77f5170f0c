"""stub"""


def find_key(frames: object) -> None:
    return None
