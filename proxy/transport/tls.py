"""Client-side TLS, from settings to an SSLContext."""

import functools
import ssl


@functools.cache
def system_context() -> ssl.SSLContext:
    """The system's authorities, for everyone who asks for nothing else: a context takes 35 ms and 1 MB."""
    return client_context()


def client_context(
    *, verify: bool = True, ca_file: str | None = None, client_cert: str | None = None, client_key: str | None = None
) -> ssl.SSLContext:
    """TLS 1.2 or newer, host names checked. Always a new one, since the files may have been renewed.

    `verify=False` accepts any certificate: for a laboratory only. `ca_file`: PEM bundle that replaces the system's authorities.
    `client_cert`: PEM chain, with the key unless `client_key` has it. ValueError: a file is missing or is not what it should be.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as exc:
        raise ValueError(f"ca_file {ca_file}: {exc.strerror or exc}") from exc
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # Debian's OpenSSL leaves it to its configuration file
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if client_cert is not None:
        try:
            context.load_cert_chain(client_cert, client_key)
        except OSError as exc:
            raise ValueError(f"client_cert {client_cert}: {exc.strerror or exc}") from exc
    return context
