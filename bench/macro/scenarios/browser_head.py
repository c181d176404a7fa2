"""What does a request cost with the head that a browser sends?"""

from scenario import Scenario, closed

HEAD = (
    b"GET /en-US/docs/Web/HTTP/Headers?query=value&other=1 HTTP/1.1\r\n"
    b"Host: developer.example.org\r\n"
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
    b" Chrome/126.0.0.0 Safari/537.36\r\n"
    b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8\r\n"
    b"Accept-Language: en-US,en;q=0.5\r\n"
    b"Accept-Encoding: gzip, deflate, br, zstd\r\n"
    b"Referer: https://developer.example.org/en-US/docs/Web/HTTP\r\n"
    b"Connection: keep-alive\r\n"
    b"Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; _ga=GA1.2.1234567890\r\n"
    b"Upgrade-Insecure-Requests: 1\r\n"
    b"Sec-Fetch-Dest: document\r\n"
    b"Sec-Fetch-Mode: navigate\r\n"
    b"Sec-Fetch-Site: same-origin\r\n"
    b"Sec-Fetch-User: ?1\r\n"
    b"\r\n"
)

SCENARIO = Scenario(
    question="What does a hello cost with a browser's 13 fields?",
    measure=closed(request=HEAD),
    kinds=("wsgi", "asgi", "hello"),
)
