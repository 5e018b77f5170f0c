"""What a deployment may set, as one frozen table. Read once, at the top; passed down as plain arguments.

Every fault is reported at once, naming the variable. With nothing set, everything works on one machine.
"""

import difflib
import os
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from vimix.errors import UsageError
from vimix.private_folder import private_folder

_FOR_OTHERS = {"VIMIX_ROOT", "VIMIX_PYTHON", "VIMIX_NO_SKIPS", "VIMIX_SWIFT_PYTHON"}
"""Variables of that beginning that test runners use."""


def _cache() -> Path:
    """The person's folder for caches; where there is no home, as in a container with any uid, a temporary one."""
    with suppress(RuntimeError):
        return Path.home() / ".cache"
    try:
        return private_folder("cache")
    except OSError as error:
        raise UsageError(
            "There is no home directory and no folder for temporary files: name one in VIMIX_MODEL_DIR.",
            cause=str(error),
        ) from error


class Settings(BaseSettings):
    """The variables, with the names that the environment knows them by."""

    model_config = SettingsConfigDict(
        env_prefix="VIMIX_", frozen=True, extra="ignore", populate_by_name=True, env_ignore_empty=True
    )

    # where things are
    data_dir: Path = Field(Path("data"), description="Jobs, results and uploads of this machine.")
    model_dir: Path = Field(
        default_factory=lambda: _cache() / "vimix" / "models",
        description="Where weights are kept; shared by every checkout.",
    )
    model_mirrors: Annotated[str, Field(description="Hub repositories of your own, comma-separated, asked first.")] = ""
    port: int = Field(
        7860, ge=0, le=65535, validation_alias=AliasChoices("port", "PORT"), description="The port that is served."
    )
    host: str = Field("127.0.0.1", description="The address that is bound; the container sets 0.0.0.0.")
    public_url: str = Field(
        "", validation_alias=AliasChoices("public_url", "PUBLIC_API_URL"), description="How the outside reaches us."
    )
    cors_origins: str = Field(
        "",
        validation_alias=AliasChoices("cors_origins", "CORS_ORIGINS"),
        description="Origins, comma-separated, that may call from a browser; none: same origin only; *: all.",
    )
    frame_ancestors: str = Field("*", description="Who may embed the page, as in the CSP directive of that name.")

    # the shared parts, absent on one machine
    redis_url: SecretStr = Field(
        SecretStr(""), validation_alias=AliasChoices("redis_url", "REDIS_URL"), description="Shared jobs and queue."
    )
    s3_bucket: str = Field("", validation_alias=AliasChoices("s3_bucket", "S3_BUCKET"), description="Shared files.")
    s3_endpoint: str = Field("", validation_alias=AliasChoices("s3_endpoint", "S3_ENDPOINT"), description="Its server.")
    s3_region: str = Field(
        "",
        validation_alias=AliasChoices("s3_region", "S3_REGION"),
        description="Its place; Amazon needs it.",
    )
    s3_access_key: SecretStr = Field(
        SecretStr(""), validation_alias=AliasChoices("s3_access_key", "S3_ACCESS_KEY"), description="Its key."
    )
    s3_secret_key: SecretStr = Field(
        SecretStr(""), validation_alias=AliasChoices("s3_secret_key", "S3_SECRET_KEY"), description="Its secret."
    )

    # how much
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="Where networks run.")
    workers: int = Field(1, ge=0, le=64, description="Jobs at once on this machine; 0: a web process only.")
    health_port: int = Field(0, ge=0, le=65535, description="Where a worker says how it is; 0: nowhere.")
    max_upload_mb: int = Field(
        100,
        ge=1,
        validation_alias=AliasChoices("max_upload_mb", "MAX_UPLOAD_MB"),
        description="Megabytes an upload may have.",
    )
    max_seconds: float = Field(120, gt=0, description="Seconds of clip that are cut out at most.")
    max_pixels: int = Field(3840 * 2160, ge=256, description="Pixels a frame may have.")
    max_frames: int = Field(7200, ge=1, description="Frames that are cut out at most.")
    jobs_per_hour: int | None = Field(None, ge=0, description="Per visitor; 0 or unset: no limit.")
    running_per_visitor: int = Field(2, ge=1, description="Jobs of one visitor that run at once.")
    queue_max: int = Field(50, ge=1, description="Jobs that may wait before new ones are turned away.")
    queue_per_visitor: int = Field(20, ge=1, description="Of these, jobs of one visitor; at most half of them.")
    result_ttl_hours: float = Field(24, gt=0, description="Hours until inputs, mattes and results are deleted.")
    trusted_proxies: int = Field(0, ge=0, le=8, description="Proxies before us whose X-Forwarded-For entry counts.")
    workers_on_demand: bool = Field(False, description="Something starts workers when jobs wait: none need be there.")
    webhook_secret: SecretStr = Field(
        SecretStr(""), description="Signs what `notify` addresses are told; none: they are refused."
    )
    modal: bool = Field(False, description="Send jobs to Modal GPU workers (deploy/modal_app.py).")
    modal_workers: int = Field(4, ge=1, le=1000, description="Of these workers, at once at most.")

    @field_validator("public_url")
    @classmethod
    def _an_address(cls, url: str) -> str:
        parts = urlsplit(url.strip())
        if url and (parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment):
            raise ValueError("must be a whole address, like https://clips.example or https://example.org/clips")
        return url.strip().rstrip("/")

    @field_validator("redis_url")
    @classmethod
    def _a_redis(cls, url: SecretStr) -> SecretStr:
        text = url.get_secret_value()
        parts = urlsplit(text)
        if text and parts.scheme not in ("redis", "rediss", "unix"):
            raise ValueError("must begin with redis://, rediss:// (with TLS) or unix://")
        try:
            _ = parts.port
        except ValueError:
            raise ValueError(
                "has a port that is no number; a password with / or : or @ must be percent-encoded"
            ) from None
        return url

    @classmethod
    def load(cls) -> Self:
        """From the environment; every fault in one `UsageError`."""
        try:
            settings = cls()
        except ValidationError as error:
            names = variables()
            faults = "; ".join(
                f"{names.get(str(fault['loc'][0]), fault['loc'][0])}: {fault['msg'].removeprefix('Value error, ')}"
                for fault in error.errors(include_url=False)
            )
            raise UsageError(f"The environment cannot be used: {faults}.") from error
        if on_spaces():  # its proxy reaches us from outside of the container, and is the only way in
            here = {"host": "0.0.0.0", "trusted_proxies": 1, "jobs_per_hour": 5}
            given = settings.model_fields_set
            settings = settings.model_copy(update={name: here[name] for name in here if name not in given})
        return settings

    @cached_property
    def origins(self) -> tuple[str, ...]:
        """The origins of `cors_origins`, one each."""
        return tuple(origin.strip().rstrip("/") for origin in self.cors_origins.split(",") if origin.strip())

    @cached_property
    def visitor_max(self) -> int:
        """Jobs of one visitor that may wait: so many, and never more than half of the queue, so that others have room
        in a short queue too."""
        return min(self.queue_per_visitor, max(1, self.queue_max // 2))

    @cached_property
    def mirrors(self) -> tuple[str, ...]:
        """The repositories of `model_mirrors`, one each."""
        return tuple(name.strip() for name in self.model_mirrors.split(",") if name.strip())


def on_spaces() -> bool:
    """Whether this is a Hugging Face Space."""
    return os.environ.get("SYSTEM") == "spaces" or "SPACE_ID" in os.environ


def can_sign_in() -> bool:
    """Whether visitors may sign in with their Hugging Face account: on a Space with `hf_oauth`."""
    return on_spaces() and bool(os.environ.get("OAUTH_CLIENT_ID"))


def variables() -> dict[str, str]:
    """The variable of each setting."""
    names = {}
    for name, field in Settings.model_fields.items():
        alias = field.validation_alias
        names[name] = str(alias.choices[-1]) if isinstance(alias, AliasChoices) else f"VIMIX_{name.upper()}"
    return names


def misspelt(environment: Mapping[str, str]) -> list[str]:
    """A sentence for each variable that looks like one of ours and is none."""
    known = set(variables().values())
    ours = {name for name in environment if name.upper().startswith("VIMIX_")} - known - _FOR_OTHERS
    near = {name: difflib.get_close_matches(name.upper(), known, 1, 0.75) for name in sorted(ours)}
    return [
        f"{name} is no variable of Vimix and is ignored" + (f"; {like[0]} is one." if like else ".")
        for name, like in near.items()
    ]
