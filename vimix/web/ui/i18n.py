"""Every word of the page, in English and Spanish: one row a key. A test finds keys that no row has.

Rows whose key begins with `o_` label Gradio's own components and are handed over as `gr.I18n`; all others are set by
the page's scripts. `{name}` is filled in by the script with text, never with markup. What the server says, names of
formats and platforms included, is in static/es.json by its English text.
"""

import json
from pathlib import Path
from typing import Any

import gradio as gr

SPANISH: dict[str, str] = json.loads((Path(__file__).parent / "static" / "es.json").read_text())
WORDS: dict[str, tuple[str, str]] = {
    # first screen
    "title": ("Remove the background of any clip.", "Quita el fondo de cualquier vídeo."),
    "subtitle": (
        "Drop a video, watch its subject being cut out, and keep it with real transparency. "
        "Files are deleted after {hours} hours.",
        "Suelta un vídeo, mira cómo se recorta y guárdalo con transparencia real. "
        "Los archivos se borran a las {hours} horas.",
    ),
    "drop": ("Drop a video here", "Suelta un vídeo aquí"),
    "drop_limits": (
        "MP4, MOV, WebM, GIF or a picture · up to {mb} MB and {seconds}",
        "MP4, MOV, WebM, GIF o una foto · hasta {mb} MB y {seconds}",
    ),
    "choose": ("Choose a file", "Elegir un archivo"),
    "examples": ("Or try one of these", "O prueba uno de estos"),
    "recent": ("Your clips of today", "Tus vídeos de hoy"),
    "uploading": ("Uploading {percent} %", "Subiendo {percent} %"),
    "upload_failed": (
        "The upload broke off. Check your connection and try again.",
        "La subida se cortó. Revisa tu conexión y prueba otra vez.",
    ),
    "upload_busy": (
        "Too many uploads just now. Try again in {wait}.",
        "Demasiadas subidas. Prueba de nuevo en {wait}.",
    ),
    "too_large": (
        "{name} has {size}; the limit is {mb} MB. Trim it or save it smaller, then try again.",
        "{name} ocupa {size}; el límite es {mb} MB. Recórtalo o guárdalo más pequeño y prueba otra vez.",
    ),
    "new_clip": ("New clip", "Otro vídeo"),
    # header
    "nav_api": ("API", "API"),
    "nav_embed": ("Embed", "Insertar"),
    "nav_embed_title": ("Vimix on your page", "Vimix en tu página"),
    "nav_language": ("Español", "English"),
    "nav_theme": ("Light or dark", "Claro u oscuro"),
    "home": ("Vimix, to the first page", "Vimix, a la primera página"),
    "o_sign_in": ("Sign in with Hugging Face", "Entrar con Hugging Face"),
    # options
    "your_clip": ("Your clip", "Tu vídeo"),
    "clips": ("{n} clips, the same options for each", "{n} vídeos, las mismas opciones para todos"),
    "trim_start": ("Start", "Inicio"),
    "trim_end": ("End", "Fin"),
    "pick": ("Click the subject", "Señala el motivo"),
    "pick_help": ("Click on what should stay.", "Haz clic en lo que debe quedar."),
    "pick_clear": ("Clear the click", "Quitar la señal"),
    "try_frame": ("Try one frame", "Probar una imagen"),
    "trying": ("Cutting out one frame…", "Recortando una imagen…"),
    "estimate": ("about {time}, {size}", "unos {time}, {size}"),
    "quota": ("{left} of {limit} clips left this hour.", "Quedan {left} de {limit} vídeos en esta hora."),
    "quota_used": ("No clips left this hour.", "No quedan vídeos en esta hora."),
    "quota_free": ("As many clips as you like.", "Tantos vídeos como quieras."),
    "waiting_start": ("Getting ready…", "Preparando…"),
    # run
    "frame_of": ("Frame {done} of {total}", "Imagen {done} de {total}"),
    "frame_n": ("Frame {done}", "Imagen {done}"),
    "rate": ("{fps} frames/s", "{fps} imágenes/s"),
    "left": ("{time} left", "faltan {time}"),
    "queued": ("Waiting: number {n} in line", "En espera: número {n} en la cola"),
    "queued_soon": ("Waiting for a free place", "En espera de un sitio libre"),
    "starts_in": ("starts in about {time}", "empieza en unos {time}"),
    "fetching": (
        "Fetching the model, just this once: {percent} %",
        "Descargando el modelo, solo esta vez: {percent} %",
    ),
    "away": ("The server does not answer. Trying again…", "El servidor no responde. Probando otra vez…"),
    "finishing": ("Saving the file…", "Guardando el archivo…"),
    "cancel": ("Cancel", "Cancelar"),
    "cancelling": ("Cancelling…", "Cancelando…"),
    "removing": ("Removing background…", "Quitando el fondo…"),
    "progress": ("Progress", "Progreso"),
    # done
    "ready": ("Ready", "Listo"),
    "ready_in": ("in {time}", "en {time}"),
    "ready_cached": ("at once: made before", "al momento: ya estaba hecho"),
    "download": ("Download {format} · {size}", "Descargar {format} · {size}"),
    "download_partial": ("Download what is done · {size}", "Descargar lo hecho · {size}"),
    "copy_link": ("Copy link", "Copiar enlace"),
    "embed": ("Embed", "Insertar"),
    "api": ("API", "API"),
    "copy": ("Copy", "Copiar"),
    "copied": ("Copied", "Copiado"),
    "close": ("Close", "Cerrar"),
    "also_as": ("Also as (no new run)", "También como (sin repetir)"),
    "plays_in": ("Plays with transparency in", "Se ve con transparencia en"),
    "plays_in_plain": ("Plays in", "Se ve en"),
    "stickers": ("Stickers and emoji (no new run)", "Stickers y emojis (sin repetir)"),
    "frames": ("{n} frames", "{n} imágenes"),
    "frames_one": ("1 frame", "1 imagen"),
    "transparent": ("transparent", "transparente"),
    "opaque": ("not transparent", "sin transparencia"),
    "with_sound": ("with sound", "con sonido"),
    "deleted_on": ("deleted {when}", "se borra {when}"),
    "delete_now": ("delete now", "borrar ya"),
    "delete_sure": ("Delete this clip and its result now?", "¿Borrar ya este vídeo y su resultado?"),
    "calmness": ("Flicker {value} %", "Parpadeo {value} %"),
    "calmness_from": ("Flicker {value} %, before {before} %", "Parpadeo {value} %, antes {before} %"),
    "doubtful": ("{n} doubtful frames", "{n} imágenes dudosas"),
    "doubtful_one": ("1 doubtful frame", "1 imagen dudosa"),
    "doubtful_at": ("Doubtful at {time}: look", "Dudosa en {time}: ver"),
    "timeline": ("Doubtful frames on the clip", "Imágenes dudosas del vídeo"),
    "compare": ("Before / after", "Antes / después"),
    "compare_at": ("Moment of the clip", "Momento del vídeo"),
    "compare_split": ("Divide between before and after", "División entre antes y después"),
    "before": ("Before", "Antes"),
    "after": ("After", "Después"),
    "play": ("Play", "Reproducir"),
    "backdrop": ("Show it on", "Verlo sobre"),
    "on_checker": ("Checkerboard", "Cuadros"),
    "on_black": ("Black", "Negro"),
    "on_white": ("White", "Blanco"),
    "on_colour": ("A colour", "Un color"),
    "on_picture": ("A picture of yours", "Una imagen tuya"),
    "no_preview": (
        "This browser does not show {format}. Download it, or choose another format.",
        "Este navegador no muestra {format}. Descárgalo o elige otro formato.",
    ),
    "nothing": ("Nothing was found", "No se encontró nada"),
    "nothing_found": (
        "Hardly anything was found to keep. Try another Look, or click the subject.",
        "Apenas se encontró nada que recortar. Prueba otro acabado o señala el motivo.",
    ),
    "try_again": ("Change options", "Cambiar opciones"),
    # trouble
    "failed": ("That did not work", "No ha funcionado"),
    "cancelled": ("Cancelled", "Cancelado"),
    "cancelled_text": ("You stopped at frame {done}.", "Paraste en la imagen {done}."),
    "expired": ("This clip is gone", "Este vídeo ya no está"),
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
    "o_look": ("Look", "Acabado"),
    "o_fast": ("Fast", "Rápido"),
    "o_balanced": ("Balanced", "Normal"),
    "o_best": ("Best", "Mejor"),
    "o_format": ("Save as", "Guardar como"),
    "o_size": ("Size", "Tamaño"),
    "o_size_source": ("As the clip", "Como el vídeo"),
    "o_background": ("Background", "Fondo"),
    "o_none": ("None", "Ninguno"),
    "o_colour": ("Colour", "Color"),
    "o_blur": ("Blur", "Borroso"),
    "o_picture": ("Picture", "Imagen"),
    "o_pick_colour": ("Colour behind", "Color de fondo"),
    "o_pick_picture": ("Picture or video behind", "Imagen o vídeo de fondo"),
    "o_advanced": ("Advanced", "Avanzado"),
    "o_fps": ("Frames a second", "Imágenes por segundo"),
    "o_fps_auto": ("As usual for the format", "Lo habitual del formato"),
    "o_fps_source": ("As the clip", "Como el vídeo"),
    "o_model": ("Model", "Modelo"),
    "o_auto": ("Automatic", "Automático"),
    "o_edges": ("Edges", "Bordes"),
    "o_edges_clean": ("Clean", "Limpios"),
    "o_edges_off": ("As found", "Tal cual"),
    "o_edges_fine": ("Fine (slow)", "Finos (lento)"),
    "o_steady": ("Calm flicker", "Calmar el parpadeo"),
    "o_fit": ("Fit to", "Ajustar a"),
    "o_fit_help": ("A platform, or a size such as 500KB.", "Una plataforma o un tamaño como 500KB."),
    "o_crop": ("Crop to the subject", "Recortar al motivo"),
    "o_stroke": ("White outline, pixels", "Contorno blanco, píxeles"),
    "o_shadow": ("Shadow, pixels", "Sombra, píxeles"),
    "o_quality": ("Picture quality", "Calidad de imagen"),
    "o_lossless": ("Lossless", "Sin pérdida"),
    "o_invert": ("Keep the background instead", "Dejar el fondo y quitar el motivo"),
    "o_go": ("Remove background", "Quitar el fondo"),
}

LANGUAGES = ("en", "es")


def table() -> dict[str, dict[str, str]]:
    """Language to key to text, for the page's scripts."""
    return {language: {key: row[place] for key, row in WORDS.items()} for place, language in enumerate(LANGUAGES)}


NAMES = {english: spanish for english, spanish in SPANISH.items() if "{}" not in english and english[-1] != "."}
translations = gr.I18n(en={name: name for name in NAMES} | table()["en"], es=NAMES | table()["es"])
"""What labels Gradio's own components, in the browser's language."""


def label(key: str) -> gr.i18n.I18nData:
    """A label that Gradio translates in the browser; `KeyError` where no row has it."""
    WORDS[key]
    return translations(key)


def named(name: str) -> Any:
    """The name of a format or platform as a label that Gradio translates, where Spanish has another for it."""
    return translations(name) if name in NAMES else name
