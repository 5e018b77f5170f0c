"""Write docs/api.md from the code: options and endpoints as they are, examples as the tests run them.

python -m tools.write_api_docs          writes
python -m tools.write_api_docs --check  exits with 1 if the page is not what would be written
"""

import inspect
import sys
from pathlib import Path
from typing import Any, get_args
from unittest.mock import patch

from vimix.options import Options
from vimix.web.api import gradio_api

PAGE = Path(__file__).parents[1] / "docs" / "api.md"
INTRODUCTION = """# API

<!-- Made by tools/write_api_docs.py from the code; do not edit it here. -->

What the page does can be asked for from Python, JavaScript, a shell and MCP: the same endpoints, the same options, the
same bytes. `http://127.0.0.1:7860` stands for your server's address. A job is not tied to the connection that began it:
hand a clip over with `submit`, and come back with its number.

## Python

`pip install gradio_client`. One call, with the file on your disk at its end:

```python
from gradio_client import Client, handle_file

client = Client("http://127.0.0.1:7860")
file, card = client.predict(handle_file("clip.mp4"), quality="fast", format="webm", api_name="/remove_background")
print(file, card["output"]["bytes"], card["plays_in"])
```

With the work going on by itself:

```python
from gradio_client import Client, handle_file

client = Client("http://127.0.0.1:7860", download_files=False)
ticket = client.predict(handle_file("clip.mp4"), api_name="/submit")  # job, token, cached
for state in client.submit(ticket["job"], api_name="/watch"):
    print(state["state"], state["done"], "of", state["total"])
print(client.predict(ticket["job"], api_name="/result")["url"])
other = client.predict(ticket["job"], format="gif", api_name="/convert")  # the network is not run again
```

## JavaScript

Nothing needs to be installed; the same works from a page of yours whose address is among `CORS_ORIGINS`:

```js
const root = "http://127.0.0.1:7860";

async function cutOut(blob, options) {
  const form = new FormData();
  form.append("files", blob, "clip.mp4");
  const [path] = await (await fetch(`${root}/gradio_api/upload`, { method: "POST", body: form })).json();
  const { job } = await call("submit", { clip: { path, meta: { _type: "gradio.FileData" } }, ...options });
  while (true) {
    const { state, error } = await call("status", { job });
    if (state === "done") return `${root}/r/${job}`;
    if (state !== "queued" && state !== "running") throw Error(error || state);
    await new Promise((next) => setTimeout(next, 500));
  }
}

async function call(name, asked) {
  const asking = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(asked) };
  const { event_id } = await (await fetch(`${root}/gradio_api/call/v2/${name}`, asking)).json();
  const answer = await (await fetch(`${root}/gradio_api/call/${name}/${event_id}`)).text();
  const [, kind, data] = answer.match(/event: (complete|error)\\ndata: (.*)/);
  if (kind === "error") throw Error(JSON.parse(data)?.error || "failed");
  return JSON.parse(data)[0];
}
```

## curl

```sh
ROOT=http://127.0.0.1:7860
call() { # name, JSON: the answer as JSON
  EVENT=$(curl -s "$ROOT/gradio_api/call/v2/$1" -H "Content-Type: application/json" -d "$2" | cut -d'"' -f4)
  curl -sN "$ROOT/gradio_api/call/$1/$EVENT" | sed -n 's/^data: //p' | tail -n 1
}
CLIP=$(curl -s -F files=@clip.mp4 "$ROOT/gradio_api/upload" | cut -d'"' -f2)
FILE='{"path": "'"$CLIP"'", "meta": {"_type": "gradio.FileData"}}'
JOB=$(call submit '{"clip": '"$FILE"', "format": "webp"}' | cut -d'"' -f4)
call watch '{"job": "'"$JOB"'"}' # returns when the job ends
curl -sL -o cutout.webp "$ROOT/r/$JOB"
```

## Webhook

Where the operator has set `VIMIX_WEBHOOK_SECRET`, `notify` of `/submit` (and of `POST /api/submit` and `POST /convert`)
names an address that is told when the job ends: `job.done`, `job.failed` or `job.cancelled`. The notice is signed after
the [Standard Webhooks](https://www.standardwebhooks.com) specification, whose libraries verify it; by hand:

```python
import base64, hashlib, hmac, json, time


def verified(secret: str, headers: dict[str, str], body: bytes) -> dict:
    key = base64.b64decode(secret.removeprefix("whsec_")) if secret.startswith("whsec_") else secret.encode()
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    if not hmac.compare_digest(expected, headers["webhook-signature"]):
        raise ValueError("this notice is not from Vimix")
    if abs(time.time() - int(headers["webhook-timestamp"])) > 300:
        raise ValueError("this notice is old")
    return json.loads(body)  # type, timestamp, data: job, state, name, error, url, expires, card
```

Answer with any 2xx within 15 seconds. Anything else, a redirect too, is tried again after 5 s, 30 s, 2 min, 10 min,
1 h, 4 h and 12 h; 410 ends it at once. `webhook-id` is the job's number, the same in every try: a notice may come
twice. Restarts lose none. Only public addresses are told. `url` is whole where `PUBLIC_API_URL` is set.

## MCP

The same tools are at `http://127.0.0.1:7860/gradio_api/mcp/` (streamable HTTP): give your assistant that address. A
file is named by an address: a public one, or that of a file sent here before, which is
`http://127.0.0.1:7860/gradio_api/file=PATH` with the `PATH` that `/gradio_api/upload` answers (see curl above).
Each output of a tool comes as a JSON text: one for most, and two for `remove_background`, the file (with its `url`)
and the card.
"""
ENDPOINTS = ("remove_background", "submit", "watch", "status", "result", "cancel", "preview", "convert", "models")


def _endpoints() -> dict[str, Any]:
    """The functions behind the endpoints, found where `gradio_api.offer` finds them."""
    found: dict[str, Any] = {}

    class Stand:
        service = None

    for make in (gradio_api._remove_background, gradio_api._submit, gradio_api._preview):
        call = make(Stand())  # type: ignore[arg-type]
        found[call.__name__] = call
    with patch.object(gradio_api, "api", lambda call, **_: found.setdefault(call.__name__, call)):
        gradio_api._small(Stand())  # type: ignore[arg-type]
    return found


def _signature(call: Any) -> str:
    own = [name for name in inspect.signature(call).parameters if name not in ("request", *Options.model_fields)]
    options = name_of_options(call)
    return ", ".join([f"`{name}`" for name in own] + ([options] if options else []))


def name_of_options(call: Any) -> str:
    """How the options appear among an endpoint's parameters."""
    taken = [name for name in inspect.signature(call).parameters if name in Options.model_fields]
    if len(taken) == len(Options.model_fields):
        return "the options"
    return ", ".join(f"`{name}`" for name in taken)


def _values(name: str) -> str:
    field = Options.model_fields[name]
    choices = [f"`{choice}`" for choice in get_args(field.annotation) if isinstance(choice, str)]
    if choices and name != "fps":
        return ", ".join(choices)
    return {bool: "`true`, `false`", int: "a whole number", float: "a number"}.get(field.annotation, "")  # type: ignore[arg-type]


def page() -> str:
    """The whole text."""
    lines = [INTRODUCTION, "## Endpoints\n", "| name | takes | what it does |", "| --- | --- | --- |"]
    calls = _endpoints()
    for name in ENDPOINTS:
        about = " ".join((inspect.getdoc(calls[name]) or "").split())
        lines.append(f"| `/{name}` | {_signature(calls[name]) or 'nothing'} | {about} |")
    lines += ["\n## Options\n", "The same in Python, on the command line, over the API and in JSON.\n"]
    lines += ["| name | values | default | meaning |", "| --- | --- | --- | --- |"]
    for name, field in Options.model_fields.items():
        default = "none" if field.default in (None, ()) else f"`{str(field.default).lower()}`"
        about = " ".join((field.description or "").split()).replace("|", "\\|")
        lines.append(f"| `{name}` | {_values(name)} | {default} | {about} |")
    lines.append(
        "\n`point` takes several clicks separated by `;` over the API. A picture or video behind the subject is sent "
        "as `background_file`; colours and `blur` go in `background`."
    )
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the page, or tell whether it is up to date."""
    if "--check" in sys.argv:
        return int(PAGE.read_text() != page())
    PAGE.write_text(page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
