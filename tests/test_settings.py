"""The environment is read once, and every fault in it is reported at once."""

import re
from pathlib import Path

import pytest
import yaml
from pydantic import AliasChoices

from vimix.errors import UsageError
from vimix.settings import Settings, misspelt


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
    assert "PORT: " in caught.value.public
    assert "VIMIX_WORKERS: " in caught.value.public


def test_a_misspelt_variable_is_said_with_the_one_that_was_meant() -> None:
    said = misspelt({"VIMIX_DEVCE": "cpu", "vimix_max_second": "9", "VIMIX_ZZZ": "", "VIMIX_WORKERS": "1", "PATH": ""})
    assert said == [
        "VIMIX_DEVCE is no variable of Vimix and is ignored; VIMIX_DEVICE is one.",
        "VIMIX_ZZZ is no variable of Vimix and is ignored.",
        "vimix_max_second is no variable of Vimix and is ignored; VIMIX_MAX_SECONDS is one.",
    ]


@pytest.mark.parametrize("mark", [{"SYSTEM": "spaces"}, {"SPACE_ID": "me/vimix"}])
def test_on_a_space_the_defaults_are_its_own(monkeypatch: pytest.MonkeyPatch, mark: dict[str, str]) -> None:
    for name, value in mark.items():
        monkeypatch.setenv(name, value)
    settings = Settings.load()
    assert (settings.host, settings.trusted_proxies, settings.jobs_per_hour) == ("0.0.0.0", 1, 5)
    monkeypatch.setenv("VIMIX_TRUSTED_PROXIES", "2")
    monkeypatch.setenv("VIMIX_JOBS_PER_HOUR", "0")
    assert (Settings.load().trusted_proxies, Settings.load().jobs_per_hour) == (2, 0)


def test_an_empty_variable_is_one_that_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PORT", "VIMIX_WORKERS", "VIMIX_MODAL", "REDIS_URL"):
        monkeypatch.setenv(name, "")
    assert Settings.load() == Settings()


def test_secrets_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("S3_SECRET_KEY", "hush-hush")
    monkeypatch.setenv("REDIS_URL", "redis://:hush-hush@host/0")
    assert "hush-hush" not in repr(Settings.load())


def test_what_the_deployment_files_set_exists() -> None:
    fields = Settings.model_fields.items()
    aliases = {name: field.validation_alias for name, field in fields}
    known = {str(a.choices[-1]) if isinstance(a, AliasChoices) else f"VIMIX_{n.upper()}" for n, a in aliases.items()}
    root = Path(__file__).parents[1]
    compose = yaml.safe_load((root / "deploy" / "compose.yml").read_text())
    services = compose["services"]
    assert set(services) == {"redis", "nginx", "web", "worker", "worker-gpu"}
    of_one_process = {"PORT", "VIMIX_HOST", "VIMIX_HEALTH_PORT", "VIMIX_DATA_DIR", "VIMIX_MODEL_DIR", "VIMIX_WORKERS"}
    for name in ("web", "worker", "worker-gpu"):
        passed = services[name]["environment"]
        assert set(passed) <= known
        assert known - of_one_process <= set(passed), name
        assert {volume.split(":")[0] for volume in services[name]["volumes"]} <= set(compose["volumes"])
        assert passed["REDIS_URL"] == services["web"]["environment"]["REDIS_URL"]
    for file in ("Dockerfile", "deploy/compose.yml", "deploy/modal_app.py", "deploy/nginx.conf", "docs/deploying.md"):
        assert set(re.findall(r"\bVIMIX_[A-Z_]*[A-Z]", (root / file).read_text())) <= known, file


def test_without_a_home_models_go_to_a_temporary_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    assert Settings.load().model_dir.parts[-2:] == ("vimix", "models")
