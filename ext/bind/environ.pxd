"""The environ of a request (PEP 3333, RFC 3875 4.1), as far as it is made of the request alone."""

from cpython.dict cimport PyDict_SetDefault, PyDict_Size
from cpython.list cimport PyList_GET_ITEM
from cpython.tuple cimport PyTuple_GET_ITEM
from libc.stdint cimport uint32_t
from libc.string cimport memcmp, strlen

from c_http cimport (
    FF_FIELD_CONTENT_LENGTH,
    FF_FIELD_CONTENT_TYPE,
    FF_FIELD_COOKIE,
    FF_FIELD_COUNT,
    FF_FIELD_HOST,
    FF_FIELD_OTHER,
    FF_FIELD_PROXY,
    FF_SCHEME_HTTPS,
    FF_SCHEME_UNSAID,
    ff_buffer,
    ff_buffer_reserve,
    ff_http_decode_path,
    ff_http_field,
    ff_http_field_name,
    ff_http_field_spelling,
    ff_http_forwarded,
    ff_http_request,
    ff_http_slice,
)
from check cimport check
from peer cimport address_of
from text cimport ascii, decimal, latin1, octets


cdef enum:
    KEYS = 256  # a power of two
    KEY_MAX = 64


cdef inline dict template_of(server, dict constants):
    """Return what is true for most requests to *server*, and a place for what each one has."""
    cdef dict environ = {}
    variables = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/",
        "QUERY_STRING": "",
        "RAW_URI": "/",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": server[0],
        "SERVER_PORT": server[1],
        "REMOTE_ADDR": "",
        "REMOTE_PORT": "",
        "wsgi.input": None,
        **constants,
    }
    # The 22nd key doubles the table, and copies keep its size: the request's fields will fit in.
    padding = [str(number) for number in range(len(variables), 22)]
    # One by one: a table that is made at once, or holds other keys than str, is a slower one.
    for key in [*variables, *padding]:
        environ[key] = variables.get(key)
    for key in padding:
        del environ[key]
    return environ


cdef inline dict constants_of(
    root_path, errors, file_wrapper, no_replay, early_hints, threads, processes
):
    """Return what is the same for every request of a lane."""
    from fastfork._version import __version__

    return {
        "SCRIPT_NAME": root_path.encode().decode("latin-1"),
        "SERVER_SOFTWARE": f"fastfork/{__version__}",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": errors,
        "wsgi.multithread": bool(threads),
        "wsgi.multiprocess": bool(processes),
        "wsgi.run_once": False,
        "wsgi.file_wrapper": file_wrapper,
        "wsgi.input_terminated": True,
        "wsgi.early_hints": early_hints,
        "fastfork.no_replay": no_replay,
    }


cdef inline tuple keys_of_known_fields():
    """Return the keys by enum ff_http_field_name."""
    cdef list keys = []
    cdef const char *spelling
    cdef int name
    for name in range(<int>FF_FIELD_COUNT):
        spelling = ff_http_field_spelling(<ff_http_field_name>name)
        key = ascii(spelling, strlen(spelling)).upper().replace("-", "_")
        is_bare = name == FF_FIELD_CONTENT_LENGTH or name == FF_FIELD_CONTENT_TYPE
        keys.append(key if is_bare else "HTTP_" + key)
    return tuple(keys)


cdef inline object key_of(const char *name, Py_ssize_t n, list keys):
    """Return the key for a field that is not known; *keys* remembers some, by hash."""
    cdef char key[KEY_MAX]
    cdef Py_ssize_t i, length = 0
    cdef uint32_t place = 2166136261
    cdef char c
    if n > KEY_MAX - 5:
        return "HTTP_" + ascii(name, n).upper().replace("-", "_")
    key[:5] = b"HTTP_"
    for i in range(n):
        c = name[i]
        if b"a" <= c <= b"z":
            c -= 32
        elif c == b"-":
            c = b"_"
        key[5 + i] = c
        place = (place ^ <unsigned char>c) * 16777619
    place = (place ^ place >> 16) % KEYS
    known = <object>PyList_GET_ITEM(keys, place)
    spelling = octets(known, &length)
    if length != n + 5 or memcmp(spelling, key, length) != 0:
        known = keys[place] = ascii(key, n + 5)
    return known


cdef inline int add_fields(
    dict environ,
    const ff_http_request *request,
    const char *head,
    tuple known_keys,
    list other_keys,
) except -1:
    cdef const ff_http_field *field
    cdef const char *value
    cdef Py_ssize_t keys = PyDict_Size(environ)
    cdef int i
    for i in range(request.fields):
        field = &request.field[i]
        if field.underscore or field.known == FF_FIELD_PROXY or field.known == FF_FIELD_HOST:
            continue
        if field.known == FF_FIELD_OTHER:
            key = key_of(head + field.name.at, field.name.len, other_keys)
        else:
            key = <object>PyTuple_GET_ITEM(known_keys, field.known)
        value = head + field.value.at
        text = ascii(value, field.value.len) if field.ascii else latin1(value, field.value.len)
        first = <object>PyDict_SetDefault(environ, key, text)
        if PyDict_Size(environ) > keys:
            keys += 1
        elif field.known != FF_FIELD_CONTENT_LENGTH:
            environ[key] = first + ("; " if field.known == FF_FIELD_COOKIE else ",") + text
    if request.host.len > 0:
        environ["HTTP_HOST"] = ascii(head + request.host.at, request.host.len)
    return 0


cdef inline int add_target(
    dict environ, const ff_http_request *request, const char *head, ff_buffer *scratch
) except -1:
    cdef ff_http_slice path = request.path, query = request.query
    text = latin1(head + request.target.at, request.target.len)
    environ["RAW_URI"] = text
    if request.is_https:
        environ["wsgi.url_scheme"] = "https"
    if query.len > 0:
        environ["QUERY_STRING"] = latin1(head + query.at, query.len)
    if request.path_encoded:
        check(ff_buffer_reserve(scratch, path.len))
        text = latin1(scratch.data, ff_http_decode_path(head + path.at, path.len, scratch.data))
    elif path.len == 1 and head[path.at] == b"*":
        text = ""  # RFC 3875 4.1.5: empty, or from a slash on
    elif path.len != request.target.len:
        text = latin1(head + path.at, path.len)
    script_name = environ["SCRIPT_NAME"]
    environ["PATH_INFO"] = behind(script_name, text) if script_name else text
    return 0


cdef inline object behind(str script_name, str path):
    """Return *path* without *script_name*, or whole: then the proxy has cut it already."""
    if path.startswith(script_name) and path[len(script_name) : len(script_name) + 1] in ("", "/"):
        return path[len(script_name) :]
    return path


cdef inline int add_forwarded(
    dict environ, const ff_http_forwarded *said, const char *head
) except -1:
    """Put what a trusted proxy said of the client in the place of what we see."""
    cdef bint is_https = said.scheme == FF_SCHEME_HTTPS
    if said.client.family != 0:
        environ["REMOTE_ADDR"] = address_of(&said.client)
        environ["REMOTE_PORT"] = decimal(said.client.port) if said.client.port != 0 else ""
    if said.scheme != FF_SCHEME_UNSAID:
        environ["wsgi.url_scheme"] = "https" if is_https else "http"
    if said.host.len > 0:
        environ["HTTP_HOST"] = ascii(head + said.host.at, said.host.len)
        environ["SERVER_NAME"] = ascii(head + said.name.at, said.name.len)
        environ["SERVER_PORT"] = "443" if is_https else "80"
    if said.port != 0:
        environ["SERVER_PORT"] = decimal(said.port)
    return 0
