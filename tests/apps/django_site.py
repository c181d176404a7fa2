"""A minimal Django project with the things that sites do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import (
    FileResponse,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
    StreamingHttpResponse,
)
from django.urls import path

settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=__name__, SECRET_KEY="for tests", USE_TZ=True)


def home(request: HttpRequest) -> HttpResponse:
    """Greet."""
    return HttpResponse(f"Hello, {request.GET.get('name', 'World')}!")


def form(request: HttpRequest) -> HttpResponse:
    """Give a form back."""
    return JsonResponse(request.POST.dict())


def upload(request: HttpRequest) -> HttpResponse:
    """Say what was uploaded."""
    file = request.FILES["file"]
    return JsonResponse({"name": file.name, "size": len(file.read())})


def stream(request: HttpRequest) -> StreamingHttpResponse:
    """Answer in parts."""

    def parts() -> Iterator[str]:
        for number in range(5):
            yield f"part {number}\n"

    return StreamingHttpResponse(parts(), content_type="text/plain")


def cookies(request: HttpRequest) -> HttpResponse:
    """Set two cookies, and show those that came."""
    response = JsonResponse(request.COOKIES)
    response.set_cookie("first", "1")
    response.set_cookie("second", "2")
    return response


def away(request: HttpRequest) -> HttpResponse:
    """Lead elsewhere."""
    return HttpResponseRedirect("/")


def file(request: HttpRequest) -> FileResponse:
    """Answer this file."""
    return FileResponse(Path(__file__).open("rb"), content_type="text/x-python")


def broken(request: HttpRequest) -> HttpResponse:
    """Fail."""
    raise LookupError("a failure of the view")


urlpatterns = [
    path("", home),
    path("form", form),
    path("upload", upload),
    path("stream", stream),
    path("cookies", cookies),
    path("away", away),
    path("file", file),
    path("broken", broken),
]

app = get_wsgi_application()
asgi = get_asgi_application()
