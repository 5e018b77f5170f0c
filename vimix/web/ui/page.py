"""The page: layout only. What it does is in handlers.py; how it behaves in the browser is in static/.

The HTML parts are skeletons that the scripts fill by setting text. Gradio evaluates a `gr.HTML` template, with the
values already in it, as a JavaScript template literal: even `{{name}}` runs a clip called `${alert(1)}`. So no value
ever enters a template here.
"""

from pathlib import Path
from typing import Any

import gradio as gr

from vimix.settings import can_sign_in
from vimix.web.ui import presenter
from vimix.web.ui.handlers import Page
from vimix.web.ui.i18n import label, named, table

STATIC = Path(__file__).parent / "static"
SCRIPTS = (
    "base.js",
    "net.js",
    "history.js",
    "notify.js",
    "upload.js",
    "clip.js",
    "player.js",
    "mend.js",
    "finish.js",
    "stage.js",
    "card.js",
    "app.js",
)
SIZES = ("1920", "1280", "720", "512", "320", "128")


def _part(name: str, head: str = "", **more: Any) -> gr.HTML:
    """A skeleton from static/, handed to the scripts once it is on the page."""
    return gr.HTML(
        value=None,
        html_template=(STATIC / f"{name}.html").read_text(),
        js_on_load=f"window.vimix.part('{name}', element);",
        head=head,
        elem_id=f"vx-part-{name}",
        apply_default_css=False,
        **more,
    )


def _fields() -> list[gr.components.Component]:
    """The options, in the order of `handlers.FIELDS`; everything past the first six is under Advanced."""
    looks: list[Any] = [(label("o_fast"), "fast"), (label("o_balanced"), "balanced"), (label("o_best"), "best")]
    quality = gr.Radio(looks, value="balanced", label=label("o_look"), elem_id="vx-quality", elem_classes="vx-seg")
    formats = [(named(row["label"]), row["name"]) for row in presenter.formats()]
    saved = gr.Dropdown(formats, value="webp", label=label("o_format"), elem_id="vx-format", filterable=False)
    sizes: list[Any] = [(label("o_size_source"), "source"), *((f"{size} px", size) for size in SIZES)]
    size = gr.Dropdown(sizes, value="source", label=label("o_size"), elem_id="vx-size", allow_custom_value=True)
    kinds: list[Any] = [(label("o_none"), "transparent"), (label("o_colour"), "colour")]
    kinds += [(label("o_blur"), "blur"), (label("o_picture"), "picture")]
    behind = gr.Radio(
        kinds, value="transparent", label=label("o_background"), elem_id="vx-background", elem_classes="vx-seg"
    )
    colour = gr.ColorPicker("#ffffff", label=label("o_pick_colour"), elem_id="vx-colour")
    picture = gr.File(
        label=label("o_pick_picture"), file_types=["image", "video"], type="filepath", elem_id="vx-picture", height=150
    )
    return [quality, saved, size, behind, colour, picture, *_advanced()]


def _advanced() -> list[gr.components.Component]:
    rates: list[Any] = [(label("o_fps_auto"), ""), (label("o_fps_source"), "source")]
    rates += [(str(n), str(n)) for n in (10, 15, 24, 30)]
    edges: list[Any] = [(label("o_edges_clean"), "clean"), (label("o_edges_off"), "off")]
    edges.append((label("o_edges_fine"), "matting"))
    models: list[Any] = [(label("o_auto"), "auto")]
    models += [(named(about), name) for name, about in presenter.MODELS_FOR.items()]
    fits = [(named(row["label"]), row["name"]) for row in presenter.presets()]
    with gr.Accordion(label("o_advanced"), open=False, elem_id="vx-advanced"):
        return [
            gr.Dropdown(rates, value="", label=label("o_fps"), elem_id="vx-fps", filterable=False),
            gr.Dropdown(models, value="auto", label=label("o_model"), elem_id="vx-model"),
            gr.Dropdown(edges, value="clean", label=label("o_edges"), elem_id="vx-refine", filterable=False),
            gr.Slider(0, 1, 0.5, step=0.1, label=label("o_steady"), elem_id="vx-steady"),
            gr.Dropdown(
                [(label("o_none"), ""), *fits],
                value="",
                allow_custom_value=True,
                label=label("o_fit"),
                info=label("o_fit_help"),
                elem_id="vx-fit",
            ),
            gr.Checkbox(False, label=label("o_crop"), elem_id="vx-crop"),
            gr.Slider(0, 32, 0, step=1, label=label("o_stroke"), elem_id="vx-stroke"),
            gr.Slider(0, 32, 0, step=1, label=label("o_shadow"), elem_id="vx-shadow"),
            gr.Slider(1, 100, 80, step=1, label=label("o_quality"), elem_id="vx-encode_quality"),
            gr.Checkbox(False, label=label("o_lossless"), elem_id="vx-lossless"),
            gr.Checkbox(False, label=label("o_invert"), elem_id="vx-invert"),
        ]


def build(page: Page, facts: dict[str, Any], version: str) -> gr.Blocks:
    """The page of one service. `facts` are sent to the scripts at the start; `version` names the scripts' text."""
    head = "".join(f'<script src="page/{name}?v={version}"></script>' for name in SCRIPTS)
    facts = facts | {"words": table(), "formats": presenter.formats(), "presets": presenter.presets()}
    demo: gr.Blocks
    with gr.Blocks(title="Vimix", analytics_enabled=False, delete_cache=None, fill_width=True) as demo:
        app = gr.HTML(
            value=None,
            facts=facts,
            html_template="<span hidden></span>",
            js_on_load="window.vimix.boot(props, server, trigger, watch, upload); /* 'open' 'leave' 'again' */",
            head=head,
            server_functions=page.answers(),
            elem_id="vx-app",
            apply_default_css=False,
        )
        _part("head", head)
        _part("start", head)
        with gr.Row(elem_id="vx-work"):
            with gr.Column(elem_id="vx-side", scale=0):
                with gr.Column(elem_id="vx-options"):
                    _part("film", head)
                    fields = _fields()
                    go = gr.Button(label("o_go"), variant="primary", elem_id="vx-go")
                _part("card", head)
            with gr.Column(elem_id="vx-main"):
                _part("stage", head)
        if can_sign_in():
            words: Any = label("o_sign_in")
            gr.LoginButton(words, "Sign out ({})", size="sm", elem_id="vx-sign-in")
        _wire(page, demo, app, fields, go)
    return demo


def _wire(page: Page, demo: gr.Blocks, app: gr.HTML, fields: list[gr.components.Component], go: gr.Button) -> None:
    """Three events: take the clips in, look on, stop looking on."""
    asked = gr.Textbox(visible=False)
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    gather = "(asked, ...fields) => [window.vimix.gather(), ...fields]"
    go.click(page.take_in, [asked, *fields], [app], js=gather, concurrency_limit=None, **quiet)
    looking = app.open(page.look_on, None, [app], concurrency_limit=None, trigger_mode="multiple", **quiet)
    app.again(page.again, None, fields, **quiet)
    app.leave(None, None, None, cancels=[looking], **quiet)
    demo.load(page.preset, None, fields, queue=False, **quiet)
    demo.load(None, None, None, js="() => { window.vimixLoaded = true; window.vimix?.loaded?.(); }", **quiet)
