"""On the path of a process, it asks a server again at once, as often as ever."""

import stamina

stamina.set_testing(True, attempts=99, cap=True)
