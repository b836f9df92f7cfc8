"""Numbers of JSON that nobody checked, read exactly: unknown keys and parked events hold any."""

from decimal import Decimal, InvalidOperation

import msgspec
from msgspec import Raw


def exact_number(text: str) -> Decimal | Raw:
    """A JSON number with a fraction or an exponent; as it is spelled where no decimal is so large.

    For `float_hook`: what a hook raises comes out of the decoder as it is.
    """
    try:
        return Decimal(text)
    except InvalidOperation:  # 1e9999999999999999999
        return Raw(text.encode())


#: Decodes any JSON; numbers stay exact.
decode_exact = msgspec.json.Decoder(float_hook=exact_number).decode
