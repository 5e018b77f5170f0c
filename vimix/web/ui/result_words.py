"""The page's words about a result: what it is, how it is mended and finished. Part of `i18n.WORDS`."""

RESULT: dict[str, tuple[str, str]] = {
    "ready": ("Ready", "Listo"),
    "ready_in": ("in {time}", "en {time}"),
    "ready_cached": ("instantly (already processed)", "al instante (ya estaba procesado)"),
    "download": ("Download {format} · {size}", "Descargar {format} · {size}"),
    "download_partial": ("Download the finished part · {size}", "Descargar la parte terminada · {size}"),
    "copy_link": ("Copy link", "Copiar enlace"),
    "embed": ("Embed", "Insertar"),
    "api": ("API", "API"),
    "copy": ("Copy", "Copiar"),
    "copied": ("Copied", "Copiado"),
    "close": ("Close", "Cerrar"),
    "also_as": ("Other formats", "Otros formatos"),
    "plays_in": ("Transparency works in", "La transparencia funciona en"),
    "plays_in_plain": ("Plays in", "Se ve en"),
    "stickers": ("Stickers and emoji", "Stickers y emojis"),
    "how_to_add": ("How to add it", "Cómo añadirlo"),
    "how_telegram-sticker": (
        "In Telegram, write to @Stickers and send /newvideo. Give the pack a name, then send this file as a file, "
        "not as a video, with an emoji that stands for it. Finish with /publish.",
        "En Telegram, escribe a @Stickers y envía /newvideo. Ponle nombre al paquete y envía este archivo como "
        "archivo, no como vídeo, con un emoji que lo represente. Termina con /publish.",
    ),
    "how_telegram-emoji": (
        "In Telegram, write to @Stickers and send /newemojipack. Choose video emoji, send this file as a file, "
        "with an emoji that stands for it, and finish with /publish. Custom emoji are for Telegram Premium.",
        "En Telegram, escribe a @Stickers y envía /newemojipack. Elige emojis de vídeo, envía este archivo como "
        "archivo, con un emoji que lo represente, y termina con /publish. Los emojis propios son de Telegram "
        "Premium.",
    ),
    "how_whatsapp-sticker": (
        "WhatsApp takes packs from sticker apps: open this file in one of them, make a pack of at least three "
        "stickers, all moving, and add it to WhatsApp from there.",
        "WhatsApp recibe paquetes de aplicaciones de stickers: abre este archivo en una de ellas, haz un paquete "
        "de al menos tres stickers, todos animados, y añádelo a WhatsApp desde allí.",
    ),
    "how_discord-sticker": (
        "In Discord, open your server's settings, choose Stickers and upload this file. You need leave to create "
        "expressions on that server.",
        "En Discord, abre los ajustes del servidor, elige Pegatinas y sube este archivo. Necesitas permiso para "
        "crear expresiones en ese servidor.",
    ),
    "how_discord-emoji": (
        "In Discord, open your server's settings, choose Emoji and upload this file. Moving emoji are used by "
        "members with Nitro.",
        "En Discord, abre los ajustes del servidor, elige Emojis y sube este archivo. Los emojis animados los usan"
        " los miembros con Nitro.",
    ),
    "how_slack-emoji": (
        "In Slack, open the emoji menu beside the message field, choose Add emoji, upload this file and give it a "
        "name.",
        "En Slack, abre el menú de emojis junto al campo del mensaje, elige Añadir emoji, sube este archivo y "
        "ponle nombre.",
    ),
    "how_line-sticker": (
        "In LINE Creators Market (creator.line.me), begin a set of animated stickers and upload this file as one "
        "of its 8, 16 or 24.",
        "En LINE Creators Market (creator.line.me), crea un conjunto de stickers animados y sube este archivo como"
        " uno de sus 8, 16 o 24.",
    ),
    "how_signal-sticker": (
        "In Signal on a computer, choose File, then Create or upload sticker pack, add this file and give it an emoji.",
        "En Signal en un ordenador, elige Archivo y luego Crear o subir paquete de pegatinas, añade este archivo y"
        " asígnale un emoji.",
    ),
    "frames": ("{n} frames", "{n} fotogramas"),
    "frames_one": ("1 frame", "1 fotograma"),
    "transparent": ("transparent", "transparente"),
    "opaque": ("not transparent", "sin transparencia"),
    "with_sound": ("with sound", "con sonido"),
    "deleted_on": ("will be deleted {when}", "se borrará {when}"),
    "delete_now": ("delete now", "borrar ahora"),
    "delete_sure": ("Delete this clip and its result now?", "¿Borrar ahora este vídeo y su resultado?"),
    "calmness": ("Stability: {value}", "Estabilidad: {value}"),
    "stable_good": ("good", "buena"),
    "stable_fair": ("fair", "aceptable"),
    "stable_low": ("low", "baja"),
    "doubtful": ("{n} frames may need checking", "Conviene revisar {n} fotogramas"),
    "doubtful_one": ("1 frame may need checking", "Conviene revisar 1 fotograma"),
    "doubtful_at": ("Check the frame at {time}", "Revisar el fotograma en {time}"),
    "timeline": ("Frames that may need checking", "Fotogramas que conviene revisar"),
    "compare": ("Before / after", "Antes / después"),
    "compare_at": ("Time in the clip", "Momento del vídeo"),
    "compare_split": ("Divider between before and after", "Divisor entre antes y después"),
    "before": ("Before", "Antes"),
    "after": ("After", "Después"),
    "play": ("Play", "Reproducir"),
    "shapes": ("Shape, cut along the subject", "Forma, recortada según el sujeto"),
    "shape_tall": ("9:16, upright", "9:16, vertical"),
    "shape_square": ("1:1, square", "1:1, cuadrada"),
    "shape_wide": ("16:9, wide", "16:9, horizontal"),
    "shape_whole": ("The whole picture", "La imagen entera"),
    "share": ("Share", "Compartir"),
    "share_failed": ("Sharing did not work. Download the file instead.", "No se pudo compartir. Descarga el archivo."),
    "opens_in": ("Unpacked, its pictures open in", "Descomprimidas, sus imágenes se abren en"),
    "shown_as": (
        "Preview: this browser does not play {format} itself.",
        "Vista previa: este navegador no reproduce {format}.",
    ),
    "pause": ("Pause", "Pausa"),
    "player": ("Player", "Reproductor"),
    "player_help": (
        "The result. Space plays, the arrow keys go frame by frame, plus and minus zoom, the brackets go to frames "
        "that may need checking. With a tool chosen the arrow keys move a cross, and Enter marks.",
        "El resultado. Espacio reproduce, las flechas van fotograma a fotograma, más y menos acercan y alejan, los "
        "corchetes van a los fotogramas que conviene revisar. Con una herramienta, las flechas mueven una cruz y "
        "Entrar marca.",
    ),
    "player_opening": ("Opening the player…", "Abriendo el reproductor…"),
    "player_failed": (
        "This browser cannot play the result frame by frame. Try another browser.",
        "Este navegador no puede mostrar el resultado fotograma a fotograma. Prueba con otro.",
    ),
    "frame_back": ("One frame back", "Un fotograma atrás"),
    "frame_next": ("One frame on", "Un fotograma adelante"),
    "frame_at": ("Frame {n}, {time}", "Fotograma {n}, {time}"),
    "seek": ("Position in the clip", "Posición en el vídeo"),
    "zoom": ("Zoom", "Ampliar"),
    "tools": ("Change the result", "Cambiar el resultado"),
    "keep": ("Keep", "Conservar"),
    "remove": ("Remove", "Quitar"),
    "keep_help": (
        "Paint over what is missing. The whole clip follows when you apply it.",
        "Pinta sobre lo que falta. Al aplicarlo, cambia todo el vídeo.",
    ),
    "remove_help": (
        "Click or paint what should go. The whole clip follows when you apply it.",
        "Haz clic o pinta sobre lo que sobra. Al aplicarlo, cambia todo el vídeo.",
    ),
    "cross_at": ("{x} % across, {y} % down", "{x} % a lo ancho, {y} % a lo alto"),
    "brush": ("Brush", "Pincel"),
    "undo": ("Undo", "Deshacer"),
    "apply": ("Apply to the whole clip", "Aplicar a todo el vídeo"),
    "apply_in": ("Apply to the whole clip · {time}", "Aplicar a todo el vídeo · {time}"),
    "mended_frame": ("{n} marks in this frame", "{n} marcas en este fotograma"),
    "mended_frame_one": ("1 mark in this frame", "1 marca en este fotograma"),
    "paints_full": (
        "At most {n} frames can be painted. Apply these first.",
        "Se pueden pintar {n} fotogramas como máximo. Aplica estos primero.",
    ),
    "corrected_at": ("Corrected at {time}: show", "Corregido en {time}: ver"),
    "copy_picture": ("Copy picture", "Copiar imagen"),
    "copy_failed": ("Not possible here", "Aquí no es posible"),
    "save_shown": ("Save {format} with this background", "Guardar {format} con este fondo"),
    "behind_none": ("No background", "Sin fondo"),
    "behind_colour": ("Colour {code}", "Color {code}"),
    "behind_blur": ("The clip's own background, blurred", "El fondo del vídeo, desenfocado"),
    "behind_dawn": ("Dawn", "Amanecer"),
    "behind_sea": ("Sea", "Mar"),
    "behind_night": ("Night", "Noche"),
    "behind_studio": ("Studio", "Estudio"),
    "behind_rays": ("Rays", "Rayos"),
    "own_behind": ("Your picture or video", "Tu imagen o vídeo"),
    "own_unreadable": ("This browser cannot open {name}.", "Este navegador no puede abrir {name}."),
    "made_for": ("Ready for", "Listo para"),
    "for_website": ("A website", "Una web"),
    "for_editor": ("A video editor", "Un editor de vídeo"),
    "for_slides": ("Slides", "Diapositivas"),
    "for_games": ("A game (sprite sheet)", "Un juego (hoja de sprites)"),
    "sound_dropped": ("no sound in {format}", "sin sonido en {format}"),
    "rate_of": ("{fps} of {source} frames a second", "{fps} de {source} fotogramas por segundo"),
    "backdrop": ("Preview on", "Ver sobre"),
    "on_checker": ("Checkerboard", "Cuadrícula"),
    "on_black": ("Black", "Negro"),
    "on_white": ("White", "Blanco"),
    "on_colour": ("A colour", "Un color"),
    "no_preview": (
        "This browser can't play {format}. Download it, or choose another format.",
        "Este navegador no puede mostrar {format}. Descárgalo o elige otro formato.",
    ),
    "nothing": ("Nothing was found", "No se encontró nada"),
    "nothing_found": (
        "Hardly anything was found to keep. Try another quality, or click the subject.",
        "Apenas se encontró nada que recortar. Prueba otra calidad o señala el sujeto.",
    ),
    "try_again": ("Change options", "Cambiar opciones"),
}
