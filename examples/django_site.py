"""Django in one file: fastfork serve examples.django_site:app -w 4

A project of your own: fastfork serve mysite.wsgi --chdir DIRECTORY_OF_MANAGE_PY, or mysite.asgi.
"""

from __future__ import annotations

import secrets

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import path

import fastfork

settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    # The application is imported once for all workers, so they have the same one; a real site keeps it.
    SECRET_KEY=secrets.token_hex(32),
    CACHES={"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}},
    DATABASES={},
)


def index(request: HttpRequest) -> HttpResponse:
    """Say who serves."""
    return HttpResponse(f"Django, worker {fastfork.worker_slot()}\n", content_type="text/plain")


def visitor(request: HttpRequest) -> JsonResponse:
    """Say what the server knows of its client."""
    return JsonResponse({"address": request.META["REMOTE_ADDR"], "secure": request.is_secure()})


urlpatterns = [path("", index), path("visitor", visitor)]
app = get_wsgi_application()
