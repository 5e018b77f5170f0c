"""Words of taking clips in, of lists, and of what goes wrong on the way: one row a key, English and Spanish."""

PAGE: dict[str, tuple[str, str]] = {
    "drop_anywhere": ("Drop the file anywhere", "Suelta el archivo donde quieras"),
    "address": ("…or paste a link to a video", "…o pega el enlace de un vídeo"),
    "address_go": ("Open link", "Abrir enlace"),
    "fetching_address": ("Fetching the file…", "Descargando el archivo…"),
    "upload": ("Upload", "Subida"),
    "upload_ready": ("{name} is ready.", "{name} está listo."),
    "upload_open": ("Continue with it", "Continuar"),
    "too_many": ("Only the first {n} files were used.", "Solo se usaron los primeros {n} archivos."),
    "motion_stop": ("Pause the animation", "Pausar la animación"),
    "motion_start": ("Play the animation", "Reproducir la animación"),
    "offline": (
        "You are offline. Check your connection and try again.",
        "No tienes conexión. Revísala e inténtalo de nuevo.",
    ),
    "server_away": (
        "The server is not responding. Please try again in a moment.",
        "El servidor no responde. Inténtalo de nuevo en un momento.",
    ),
    "pick_background": ("Choose a background picture or video first.", "Elige primero una imagen o un vídeo de fondo."),
    "your_clips": ("Your clips", "Tus vídeos"),
    "trim_to_limit": (
        "This clip is {length} long, and the limit is {limit}. Drag the handles to choose the part you want.",
        "Este vídeo dura {length} y el límite es {limit}. Arrastra los extremos para elegir la parte que quieras.",
    ),
    "result": ("Result", "Resultado"),
    "to_list": ("‹ All clips", "‹ Todos los vídeos"),
    "list_of": ("{n} clips", "{n} vídeos"),
    "cancel_all": ("Cancel all", "Cancelar todos"),
    "cancel_one": ("Cancel {name}", "Cancelar {name}"),
    "notify": ("Notify me when it is done", "Avísame cuando termine"),
    "notify_done": ("{name} is ready", "{name} está listo"),
    "notify_ended": ("{name} has stopped", "{name} se ha detenido"),
}
