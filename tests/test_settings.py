"""The environment is read once, and every fault in it is reported at once."""

import pytest

from vimix.errors import UsageError
from vimix.settings import Settings


def test_nothing_needs_to_be_set() -> None:
    settings = Settings.load()
    assert settings.port == 7860
    assert settings.origins == ()
    assert not settings.redis_url.get_secret_value()


def test_the_contract_names_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "PORT": "8000",
        "MAX_UPLOAD_MB": "5",
        "CORS_ORIGINS": "https://a.example/, https://b.example",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("VIMIX_JOBS_PER_HOUR", "7")
    settings = Settings.load()
    assert (settings.port, settings.max_upload_mb, settings.jobs_per_hour) == (8000, 5, 7)
    assert settings.origins == ("https://a.example", "https://b.example")


def test_faults_are_reported_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "here")
    monkeypatch.setenv("VIMIX_WORKERS", "-1")
    with pytest.raises(UsageError) as caught:
        Settings.load()
    assert "PORT" in caught.value.public or "port" in caught.value.public
    assert "workers" in caught.value.public


def test_secrets_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_SECRET_KEY", "hush-hush")
    monkeypatch.setenv("REDIS_URL", "redis://:hush-hush@host/0")
    assert "hush-hush" not in repr(Settings.load())
