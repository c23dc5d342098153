"""Text of strangers in messages and logs."""

import pytest

from modelway_server.printable import scrub


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET https://ann:pw@host/m?X-Amz-Signature=s3cr3t#f failed", "GET https://host/m failed"),
        ("two\nlines\tand  spaces", "two lines and spaces"),
        ("\x1b[31mred\u202etxt", "\\x1b[31mred\\u202etxt"),
    ],
)
def test_scrubbed_text_has_no_credentials_or_control_characters(text: str, shown: str) -> None:
    assert scrub(text) == shown
