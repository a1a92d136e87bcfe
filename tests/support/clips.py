"""Videos made for a test: bytes that tell their own place, so a shift shows."""

import os
import struct


def clip_bytes(count):
    return b"".join(struct.pack(">Q", at) for at in range(0, count + 8, 8))[:count]


def folder_with_clips(parent, **clips):
    """A folder of NAME.mp4 with so many bytes each."""
    folder = os.path.join(parent, "videos")
    os.mkdir(folder)
    for name, count in clips.items():
        with open(os.path.join(folder, name + ".mp4"), "wb") as clip:
            clip.write(clip_bytes(count))
    return folder
