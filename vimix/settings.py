"""What a deployment may set, as one frozen table. Read once, at the top; passed down as plain arguments.

Every fault is reported at once, naming the variable. With nothing set, everything works on one machine.
"""

import os
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from vimix.errors import UsageError

_ON_SPACES = "SPACE_ID" in os.environ


class Settings(BaseSettings):
    """The variables, with the names that the environment knows them by."""

    model_config = SettingsConfigDict(env_prefix="VIMIX_", frozen=True, extra="ignore", populate_by_name=True)

    # where things are
    data_dir: Path = Field(Path("data"), description="Jobs, results and uploads of this machine.")
    model_dir: Path = Field(
        Path.home() / ".cache" / "vimix" / "models", description="Where weights are kept; shared by every checkout."
    )
    model_mirrors: Annotated[str, Field(description="Hub repositories of your own, comma-separated, asked first.")] = ""
    port: int = Field(7860, validation_alias=AliasChoices("port", "PORT"), description="The port that is served.")
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
    s3_access_key: SecretStr = Field(
        SecretStr(""), validation_alias=AliasChoices("s3_access_key", "S3_ACCESS_KEY"), description="Its key."
    )
    s3_secret_key: SecretStr = Field(
        SecretStr(""), validation_alias=AliasChoices("s3_secret_key", "S3_SECRET_KEY"), description="Its secret."
    )

    # how much
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="Where networks run.")
    workers: int = Field(1, ge=0, le=64, description="Jobs at once on this machine; 0: a web process only.")
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
    modal: bool = Field(False, description="Send jobs to Modal GPU workers (deploy/modal_app.py).")
    modal_workers: int = Field(4, ge=1, le=1000, description="Of these workers, at once at most.")

    @classmethod
    def load(cls) -> Self:
        """From the environment; every fault in one `UsageError`."""
        try:
            settings = cls()
        except ValidationError as error:
            faults = "; ".join(f"{fault['loc'][0]}: {fault['msg']}" for fault in error.errors(include_url=False))
            raise UsageError(f"The environment cannot be used: {faults}.") from error
        if settings.jobs_per_hour is None and _ON_SPACES:
            settings = settings.model_copy(update={"jobs_per_hour": 5})
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
