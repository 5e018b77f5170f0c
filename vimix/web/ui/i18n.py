"""Every word of the page, in English and Spanish: one row a key. A test finds keys that no row has.

Rows whose key begins with `o_` label Gradio's own components and are handed over as `gr.I18n`; all others are set by
the page's scripts. `{name}` is filled in by the script with text, never with markup. What the server says, names of
formats and platforms included, is in static/es.json by its English text.
"""

import json
from pathlib import Path
from typing import Any

import gradio as gr

from vimix.web.ui.page_words import PAGE
from vimix.web.ui.result_words import RESULT

SPANISH: dict[str, str] = json.loads((Path(__file__).parent / "static" / "es.json").read_text())
WORDS: dict[str, tuple[str, str]] = {
    # first screen
    "title": ("Remove the background from any video.", "Quita el fondo de cualquier vídeo."),
    "subtitle": (
        "Drop a video, watch the subject being cut out, and download it with real transparency. "
        "Files are deleted after {hours} hours.",
        "Suelta un vídeo, mira cómo se recorta el sujeto y descárgalo con transparencia real. "
        "Los archivos se borran a las {hours} horas.",
    ),
    "drop": ("Drop a video here", "Suelta un vídeo aquí"),
    "drop_limits": (
        "MP4, MOV, WebM, GIF or a photo · up to {mb} MB and {seconds}",
        "MP4, MOV, WebM, GIF o una foto · hasta {mb} MB y {seconds}",
    ),
    "choose": ("Choose a file", "Elegir un archivo"),
    "examples": ("Or try one of these", "O prueba uno de estos"),
    "recent": ("Recent clips", "Vídeos recientes"),
    "uploading": ("Uploading {percent} %", "Subiendo {percent} %"),
    "upload_failed": (
        "Upload interrupted. Check your connection and try again.",
        "Subida interrumpida. Revisa tu conexión e inténtalo de nuevo.",
    ),
    "upload_busy": (
        "Too many uploads right now. Try again in {wait}.",
        "Hay demasiadas subidas ahora mismo. Inténtalo de nuevo en {wait}.",
    ),
    "too_large": (
        "{name} is {size}; the limit is {mb} MB. Trim it or save it smaller, then try again.",
        "{name} ocupa {size}; el límite es {mb} MB. Recórtalo o guárdalo más pequeño e inténtalo de nuevo.",
    ),
    "new_clip": ("New clip", "Otro vídeo"),
    # header
    "nav_api": ("API", "API"),
    "nav_embed": ("Embed", "Insertar"),
    "nav_embed_title": ("Vimix on your page", "Vimix en tu página"),
    "nav_language": ("Español", "English"),
    "nav_theme": ("Switch between light and dark", "Cambiar entre claro y oscuro"),
    "home": ("Vimix home page", "Página de inicio de Vimix"),
    "o_sign_in": ("Sign in with Hugging Face", "Entrar con Hugging Face"),
    # options
    "your_clip": ("Your clip", "Tu vídeo"),
    "clips": (
        "{n} clips, same options for all. Trim and clicks belong to each clip.",
        "{n} vídeos, las mismas opciones para todos. El recorte y las marcas son de cada vídeo.",
    ),
    "trim_start": ("Start", "Inicio"),
    "trim_end": ("End", "Fin"),
    "pick": ("Click the subject", "Señalar el sujeto"),
    "pick_out": ("Mark what should go", "Marcar lo que sobra"),
    "keep_first": ("Click or paint what should stay.", "Haz clic o pinta sobre lo que debe quedar."),
    "remove_first": ("Click or paint what should go.", "Haz clic o pinta sobre lo que sobra."),
    "try_frame": ("Preview one frame", "Vista previa de un fotograma"),
    "trying": ("Preparing the preview…", "Preparando la vista previa…"),
    "estimate": ("about {time}, {size}", "unos {time}, {size}"),
    "quota": ("{left} of {limit} clips left this hour.", "Te quedan {left} de {limit} vídeos en esta hora."),
    "quota_used": ("No clips left this hour.", "No te quedan vídeos en esta hora."),
    "quota_free": ("No limit on the number of clips.", "Sin límite de vídeos."),
    "waiting_start": ("Getting ready…", "Preparando…"),
    # run
    "analysing": ("Looking through the first frames…", "Analizando los primeros fotogramas…"),
    "frame_of": ("Frame {done} of {total}", "Fotograma {done} de {total}"),
    "frame_n": ("Frame {done}", "Fotograma {done}"),
    "rate": ("{fps} frames/s", "{fps} fotogramas/s"),
    "left": ("{time} left", "faltan {time}"),
    "queued": ("Waiting: number {n} in the queue", "En espera: número {n} en la cola"),
    "queued_soon": ("Waiting to start", "Esperando para empezar"),
    "starts_in": ("starts in about {time}", "empieza en unos {time}"),
    "fetching": (
        "Downloading the model (first use only): {percent} %",
        "Descargando el modelo (solo la primera vez): {percent} %",
    ),
    "away": ("The server is not responding. Trying again…", "El servidor no responde. Intentándolo de nuevo…"),
    "finishing": ("Saving the file…", "Guardando el archivo…"),
    "cancel": ("Cancel", "Cancelar"),
    "cancelling": ("Cancelling…", "Cancelando…"),
    "removing": ("Removing background…", "Quitando el fondo…"),
    "progress": ("Progress", "Progreso"),
    **PAGE,
    **RESULT,
    # trouble
    "failed": ("That did not work", "No ha funcionado"),
    "cancelled": ("Cancelled", "Cancelado"),
    "cancelled_text": ("Stopped at frame {done}.", "Se detuvo en el fotograma {done}."),
    "expired": ("This link has expired", "Este enlace ha caducado"),
    "expired_text": (
        "Clips are deleted after {hours} hours. Start again with the original file.",
        "Los vídeos se borran a las {hours} horas. Empieza de nuevo con el archivo original.",
    ),
    # batch
    "batch": ("{done} of {n} clips ready", "{done} de {n} vídeos listos"),
    "zip": ("Download all (ZIP)", "Descargar todo (ZIP)"),
    # states in lists
    "s_queued": ("waiting", "en espera"),
    "s_running": ("running", "en marcha"),
    "s_done": ("ready", "listo"),
    "s_failed": ("failed", "falló"),
    "s_cancelled": ("cancelled", "cancelado"),
    "s_expired": ("deleted", "borrado"),
    # units
    "sec": ("{n} s", "{n} s"),
    "min": ("{n} min", "{n} min"),
    "minutes": ("{n} minutes", "{n} minutos"),
    "seconds": ("{n} seconds", "{n} segundos"),
    # Gradio's components
    "o_look": ("Quality", "Calidad"),
    "o_fast": ("Fast", "Rápida"),
    "o_balanced": ("Balanced", "Equilibrada"),
    "o_best": ("Best", "Máxima"),
    "o_format": ("Save as", "Guardar como"),
    "o_size": ("Size", "Tamaño"),
    "o_size_source": ("Original size", "Tamaño original"),
    "o_background": ("Background", "Fondo"),
    "o_none": ("None", "Ninguno"),
    "o_colour": ("Colour", "Color"),
    "o_blur": ("Blur", "Desenfocado"),
    "o_picture": ("Picture", "Imagen"),
    "o_pick_colour": ("Background colour", "Color de fondo"),
    "o_pick_picture": ("Background picture or video", "Imagen o vídeo de fondo"),
    "o_advanced": ("Advanced", "Avanzado"),
    "o_fps": ("Frame rate", "Fotogramas por segundo"),
    "o_fps_auto": ("Automatic", "Automático"),
    "o_fps_source": ("Original frame rate", "Los del original"),
    "o_model": ("Model", "Modelo"),
    "o_auto": ("Automatic", "Automático"),
    "o_edges": ("Edges", "Bordes"),
    "o_edges_clean": ("Clean", "Limpios"),
    "o_edges_off": ("Original", "Originales"),
    "o_edges_fine": ("Detailed (slow)", "Detallados (lento)"),
    "o_steady": ("Reduce flicker", "Reducir el parpadeo"),
    "o_fit": ("Target platform or file size", "Plataforma o tamaño de archivo"),
    "o_fit_help": (
        "Choose a platform, or type a size such as 500KB.",
        "Elige una plataforma o escribe un tamaño, como 500KB.",
    ),
    "o_crop": ("Crop to the subject", "Recortar al sujeto"),
    "o_stroke": ("White outline (pixels)", "Contorno blanco (píxeles)"),
    "o_shadow": ("Shadow (pixels)", "Sombra (píxeles)"),
    "o_quality": ("Compression quality", "Calidad de compresión"),
    "o_lossless": ("Lossless", "Sin pérdida"),
    "o_invert": ("Remove the subject, keep the background", "Quitar el sujeto y dejar el fondo"),
    "o_go": ("Remove background", "Quitar el fondo"),
}

LANGUAGES = ("en", "es")


def table() -> dict[str, dict[str, str]]:
    """Language to key to text, for the page's scripts."""
    return {language: {key: row[place] for key, row in WORDS.items()} for place, language in enumerate(LANGUAGES)}


NAMES = {english: spanish for english, spanish in SPANISH.items() if "{}" not in english and english[-1] != "."}
GRADIO = {
    "upload_text.click_to_upload": "Haz clic para elegirlo",
    "upload_text.drop_file": "Suelta el archivo aquí",
    "blocks.waiting_for_inputs": "Un archivo todavía se está subiendo. Inténtalo de nuevo en un momento.",
    "blocks.connection_can_break": "En un móvil, la conexión puede cortarse si cambias de pestaña.",
    "blocks.long_requests_queue": "Hay muchas peticiones en espera.",
    "blocks.lost_connection": "Se perdió la conexión al salir de la página. Volviendo a la cola…",
    "errors.contact_page_author": "Avisa a quien lleva esta página.",
}
"""Gradio's own Spanish sentences that address the visitor formally, said as the rest of the page says things. A flat
key is found before the nested one that Gradio ships."""
translations = gr.I18n(en={name: name for name in NAMES} | table()["en"], es=NAMES | GRADIO | table()["es"])
"""What labels Gradio's own components, in the browser's language."""


def label(key: str) -> gr.i18n.I18nData:
    """A label that Gradio translates in the browser; `KeyError` where no row has it."""
    WORDS[key]
    return translations(key)


def named(name: str) -> Any:
    """The name of a format or platform as a label that Gradio translates, where Spanish has another for it."""
    return translations(name) if name in NAMES else name
