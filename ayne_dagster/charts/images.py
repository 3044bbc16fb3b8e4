"""PNG bytes as Dagster metadata: shown inline in the UI, stored with the event, no file needed.

Lives here: the wrapping and its size limit. Not here: the drawing.
"""

import base64

import dagster as dg

PNG_LIMIT_BYTES = 120_000
"""Every materialization event carries its pictures: small ones keep the event log small."""


def inline_image(png: bytes, alt: str) -> dg.MarkdownMetadataValue:
    """A picture for `MaterializeResult.metadata`.

    Args:
        png: A PNG file's bytes.
        alt: What the picture shows, for those who cannot see it.

    Raises:
        ValueError: The bytes are no PNG, or more than `PNG_LIMIT_BYTES`.
    """
    if not png.startswith(b"\x89PNG\r\n\x1a\n"):
        raise ValueError("these bytes are no PNG")
    if len(png) > PNG_LIMIT_BYTES:
        raise ValueError(f"the picture has {len(png):,} bytes; {PNG_LIMIT_BYTES:,} are allowed")
    encoded = base64.b64encode(png).decode("ascii")
    return dg.MetadataValue.md(f"![{alt}](data:image/png;base64,{encoded})")
