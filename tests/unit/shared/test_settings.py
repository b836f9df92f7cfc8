"""URLs that cannot be read are refused at the start, by name and without their passwords."""

import pytest

from shared.errors import SettingsError
from shared.settings import Settings


@pytest.mark.parametrize(
    ("name", "url", "said"),
    (
        ("REDIS_URL", "rediss://u:secret@h:1/0?ssl_ca_crts=/f", "no option 'ssl_ca_crts'"),
        ("REDIS_URL", "redis://u:se/cret@h:1/0", "in a password / is written %2F"),
        ("DATABASE_URL", "postgresql://u:secret@h/d?sslmod=x", 'query parameter: "sslmod"'),
        ("DATABASE_URL", "postgresql://u:se cret@h/d", "in a password / is written %2F"),
        ("READ_DATABASE_URL", "postgres+x://u:secret@h/d", "give postgresql://USER:PASSWORD@"),
    ),
)
def test_url_that_cannot_be_read_is_refused_without_its_password(
    monkeypatch: pytest.MonkeyPatch, name: str, url: str, said: str
) -> None:
    """A typing error is no server that is away: nobody should wait for it."""
    monkeypatch.setenv(f"CALLFOLD_{name}", url)
    with pytest.raises(SettingsError) as refused:
        Settings.from_environment()
    assert f"CALLFOLD_{name}: " in str(refused.value)
    assert said in str(refused.value)
    assert "secret" not in str(refused.value)
    assert "cret" not in str(refused.value)
