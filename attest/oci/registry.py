"""A repository in a registry (distribution-spec v1.1).

Rule: the digest of what a registry sends is computed here; what it answers about a digest is never used.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NoReturn
from urllib.parse import urlencode, urljoin, urlsplit

from attest._base import files
from attest._base.http import MAX_REDIRECTS, HttpError, demand_url, is_loopback, is_this_machine, redirect
from attest._base.json import at, loads
from attest.errors import AttestError, InputError, SignerError
from attest.oci._http import Client
from attest.oci.auth import Authenticator
from attest.oci.documents import (
    MAX_MANIFEST,
    MAX_PAGES,
    MAX_REFERRERS,
    MEDIA_TYPES,
    OCI_INDEX,
    Descriptor,
    ImageDocument,
    check_content,
    digest_of,
    read_document,
)
from attest.oci.options import PushResult
from attest.oci.reference import DIGEST, ImageReference, is_tag

if TYPE_CHECKING:
    from collections.abc import Mapping

    from attest.oci._http import RegistryAnswer
    from attest.oci.auth import Actions
    from attest.oci.options import StoreOptions

# Registries without the referrers API: the specification has 404, Quay said 400 and Artifactory says 406.
_NO_API: Final = (400, 404, 406)
_ACCEPT: Final = ", ".join(MEDIA_TYPES)
_CODE: Final = re.compile(r"[A-Z][A-Z_]{1,39}")
_MAX_LINK: Final = 4096  # characters; the expression takes a time that grows with the square of them
_NEXT: Final = re.compile(r'<([^<>]*)>\s*;(?:[^,]*;)?\s*rel="?next"?\s*(?:[;,]|$)', re.IGNORECASE)


class RegistryStore:
    """The repository of `reference`. Nothing is sent before the first call.

    TLS is used unless the registry is on this machine and `options.ca_file` is None, or `options.plain_http` is set.
    """

    is_local = False

    def __init__(self, reference: ImageReference, options: StoreOptions) -> None:
        url = f"http://{reference.api_host}"
        plain = options.plain_http or (is_loopback(url) and options.ca_file is None)
        self.name: str = reference.name
        self._plain = options.plain_http
        self._origin = url if plain else f"https://{reference.api_host}"
        self._base = f"{self._origin}/v2/{reference.repository}"
        self._client = Client(options)
        self._auth = Authenticator(self._client, reference, self._origin, options.credentials, options.auth_hosts)

    def __repr__(self) -> str:
        return f"RegistryStore({self.name!r})"

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def absence(self) -> str:
        """See Store."""
        may = "Check the name and the tag. A registry also answers like this if you are not allowed to see the image."
        return f"{may} {self._auth.looked_for()}"

    def manifest(self, reference: str | None) -> ImageDocument:
        """The document with a tag or digest; None is `latest`. Raises as `Store.manifest`."""
        reference = reference or "latest"
        is_digest = _is_digest(reference)
        answer = self._ask("GET", f"{self._base}/manifests/{reference}", accept=_ACCEPT, limit=MAX_MANIFEST)
        where = _image(self.name, reference)
        if answer.status == 404 or (is_digest and _is_not_had(answer)):
            raise InputError("image-not-found", "the registry has no such image", where=where)
        self._demand(answer, 200)
        try:
            expected = reference if is_digest else None
            document = read_document(answer.data, media_type=answer.media_type, expected=expected)
        except InputError as error:
            raise error.at(where) from None
        return document if is_digest else document._replace(etag=answer.headers.get("ETag"))

    def blob(self, descriptor: Descriptor, limit: int) -> bytes:
        """The content that a descriptor names. Raises as `Store.blob`."""
        where = _image(self.name, descriptor.digest)
        if descriptor.size > limit:
            raise InputError("file-too-large", f"the content is larger than {files.size(limit)}", where=where)
        _is_digest(descriptor.digest)
        data = descriptor.data
        if data is None:
            url = f"{self._base}/blobs/{descriptor.digest}"
            answer = self._ask("GET", url, accept="*/*", limit=descriptor.size)
            if answer.status == 404 or _is_not_had(answer):
                raise InputError("image-not-found", "the registry has no such blob", where=where)
            self._demand(answer, 200)
            data = answer.data
        try:
            check_content(data, descriptor)
        except InputError as error:
            raise error.at(where) from None
        return data

    def referrers(self, digest: str) -> list[Descriptor] | None:
        """All pages of the referrers API; None if there is none. Raises as `Store.referrers`."""
        _is_digest(digest)
        url = f"{self._base}/referrers/{digest}"
        where = _image(self.name, digest)
        found: list[Descriptor] = []
        for page in range(MAX_PAGES):
            answer = self._ask("GET", url, accept=OCI_INDEX, limit=MAX_MANIFEST)
            if answer.status in _NO_API and page == 0:
                return None
            self._demand(answer, 200)
            try:
                found += read_document(answer.data, media_type=answer.media_type or OCI_INDEX).manifests
            except InputError as error:
                raise error.at(f"{where}: list of referrers") from None
            if len(found) > MAX_REFERRERS:
                return found[: MAX_REFERRERS + 1]
            following = self._next(answer)
            if following is None:
                return found
            url = following
        raise InputError("image-invalid", f"more than {MAX_PAGES} pages of referrers", where=where)

    def push_blob(self, data: bytes, media_type: str) -> Descriptor:
        """Store a blob, in one piece, unless it is there already."""
        descriptor = Descriptor(media_type, digest_of(data), len(data))
        there = self._ask("HEAD", f"{self._base}/blobs/{descriptor.digest}", accept="*/*", actions="pull,push")
        if there.status == 200:
            return descriptor
        if there.status != 404:
            self._refused(there)
        begun = self._ask("POST", f"{self._base}/blobs/uploads/", actions="pull,push", body=b"")
        self._demand(begun, 202)
        location = _joined(begun, begun.headers.get("Location", ""))
        if not self._is_own(location):
            parts = location.partition("?")[0].split("/")[:3]  # what follows may be a secret
            message = f"the registry names another host or scheme to upload to: {'/'.join(parts):.200}"
            hint = "If the registry is behind a proxy, its own address may be set wrong."
            raise SignerError("registry-refused", message, where=self.name, hint=hint)
        url = f"{location}{'&' if urlsplit(location).query else '?'}{urlencode({'digest': descriptor.digest})}"
        kind = {"Content-Type": "application/octet-stream"}
        self._demand(self._ask("PUT", url, actions="pull,push", headers=kind, body=data), 201)
        return descriptor

    def push_manifest(
        self, data: bytes, media_type: str, *, tag: str | None = None, if_match: str | None = None
    ) -> PushResult:
        """Store a document, by its digest or as `tag`. Raises as `Store.push_manifest`."""
        document = read_document(data, media_type=media_type)
        reference = tag or document.digest
        _is_digest(reference)
        headers = {"Content-Type": media_type} | ({"If-Match": if_match} if if_match else {})
        answer = self._ask(
            "PUT",
            f"{self._base}/manifests/{reference}",
            actions="pull,push",
            headers=headers,
            body=data,
            repeatable=tag is None,
        )
        if answer.status == 412:
            where = _image(self.name, reference)
            raise InputError("image-changed", "another program changed the tag at the same time", where=where)
        self._demand(answer, 201)
        subject = document.subject is not None and answer.headers.get("OCI-Subject") == document.subject.digest
        return PushResult(document.descriptor, subject, answer.headers.get("ETag"))

    def _ask(
        self,
        method: str,
        url: str,
        *,
        accept: str | None = None,
        actions: Actions = "pull",
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        limit: int = 0,
        repeatable: bool | None = None,
    ) -> RegistryAnswer:
        """The answer, after authentication and redirects. Only the registry itself is sent what authenticates."""
        try:
            return self._exchange(method, url, accept, actions, headers, body, limit, repeatable)
        except SignerError as error:
            if error.code == "registry-unavailable":
                error.hint = f"{error.hint} {self._auth.looked_for()}"
            raise

    def _exchange(
        self,
        method: str,
        url: str,
        accept: str | None,
        actions: Actions,
        headers: Mapping[str, str] | None,
        body: bytes | None,
        limit: int,
        repeatable: bool | None,
    ) -> RegistryAnswer:
        reads = method in ("GET", "HEAD")
        renewed, hops = False, 0
        while True:
            own = self._is_own(url)
            sent = self._auth.header(actions) if own else None
            all_headers = {**(headers or {})} | ({"Accept": accept} if accept else {})
            all_headers |= {"Authorization": sent} if sent else {}
            answer = self._client.send(
                method, url, all_headers, body=body, limit=limit, repeatable=reads if repeatable is None else repeatable
            )
            if answer.status == 401 and own and not renewed:
                self._auth.renew(answer, actions, sent)
                renewed = True
                continue
            target = self._target(answer) if reads else None
            if target is None:
                return answer
            hops += 1
            if hops > MAX_REDIRECTS:
                raise SignerError("registry-refused", f"more than {MAX_REDIRECTS} redirects", where=self.name)
            url = target

    def _target(self, answer: RegistryAnswer) -> str | None:
        """Where an answer leads to, if it may be followed; None if it is no redirect."""
        try:
            target: str | None = redirect(answer.url, answer.received)
            if target is not None:
                demand_url(target, plain_http=self._plain)
                if is_loopback(target) and not is_this_machine(self._origin):
                    raise HttpError("it is on this machine, and the registry is not")
        except HttpError as error:
            message = f"the registry redirects to an address that attest does not follow: {error}"
            raise SignerError("registry-refused", message, where=self.name) from None
        return target

    def _next(self, answer: RegistryAnswer) -> str | None:
        """The URL of the next page (RFC 8288), which must be at the same registry."""
        link = answer.headers.get("Link", "")
        match = _NEXT.search(link) if len(link) <= _MAX_LINK else None
        if match is None and len(link) <= _MAX_LINK:
            return None
        url = _joined(answer, match[1]) if match else ""
        if not self._is_own(url):
            message = "the next page of a list is at another host, or its address is too long"
            raise InputError("image-invalid", message, where=self.name)
        return url

    def _is_own(self, url: str) -> bool:
        try:
            parts = urlsplit(url)
        except ValueError:
            return False
        return f"{parts.scheme}://{parts.netloc}" == self._origin and url.isascii() and url.isprintable()

    def _demand(self, answer: RegistryAnswer, status: int) -> None:
        if answer.status != status:
            self._refused(answer)

    def _refused(self, answer: RegistryAnswer) -> NoReturn:
        if answer.status in (401, 403):
            raise self._auth.refusal(answer)
        code = _error_code(answer.data)
        elsewhere = "" if self._is_own(answer.url) else f" of {answer.host}, where it redirects to"
        message = (
            f"the registry refuses the request: HTTP status {answer.status}{elsewhere}{f', {code}' if code else ''}"
        )
        hint = None
        if code == "TAG_INVALID" or answer.status == 409:
            hint = "The registry may not allow changes of tags. Make an exception for tags that begin with sha256-."
        elif answer.status == 400 and code is None and answer.url.startswith("http:"):
            hint = "If the registry has TLS, name the file with its CA: --registry-ca-file FILE."
        raise SignerError("registry-refused", message, where=self.name, hint=hint)


def _is_digest(reference: str) -> bool:
    """Whether it is a digest and not a tag. Raises InputError `image-reference-invalid` if it is neither."""
    if DIGEST.fullmatch(reference):
        return True
    if not is_tag(reference):
        raise InputError("image-reference-invalid", "expected a tag or a digest", where=f"{reference!r:.200}")
    return False


def _is_not_had(answer: RegistryAnswer) -> bool:
    """Whether the answer about a digest says that there is nothing of it to be had, as 404 does.

    That is of another kind than all that is asked for, or has an algorithm that the registry lacks. Whoever lists such
    a thing beside an image must not make the rest unavailable.
    """
    return answer.status == 406 or (answer.status == 400 and _error_code(answer.data) == "DIGEST_INVALID")


def _joined(answer: RegistryAnswer, target: str) -> str:
    """The URL that an answer names, which may be relative; empty if it is none."""
    try:
        return urljoin(answer.url, target)
    except ValueError:
        return ""


def _image(name: str, reference: str) -> str:
    return f"{name}{'@' if ':' in reference else ':'}{reference}"


def _error_code(data: bytes) -> str | None:
    """The code of an answer that is an error. Its text is not shown: it is whatever a registry likes."""
    try:
        code = at(loads(data, what="the answer"), "errors", "0", "code")
    except AttestError:
        return None
    return code if isinstance(code, str) and _CODE.fullmatch(code) else None
