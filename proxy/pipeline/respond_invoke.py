"""Answers of Bedrock's InvokeModel: what its clients look for in the head."""

from proxy.codecs.bedrock_invoke.headers import CONTENT_TYPE, usage_headers
from proxy.pipeline.respond import Responder


class InvokeResponder(Responder):
    """boto3 wants the type of a stream's events there, LangChain the counts of a whole answer, which not every vendor's body has."""

    __slots__ = ()

    def whole(self, body: bytes) -> bool:
        usage = self._ctx.usage
        if usage is not None:
            self._ctx.headers_out += usage_headers(usage)
        return super().whole(body)

    async def write(self, data: bytes) -> None:
        if not self.started:
            self._ctx.headers_out.append(CONTENT_TYPE)
        await super().write(data)
