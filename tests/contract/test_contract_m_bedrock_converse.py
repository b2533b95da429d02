"""Contract M, errors, for the codec `bedrock_converse`: boto3 raises what the gateway reports."""

import pytest
from botocore.exceptions import ClientError

from proxy.codecs.bedrock_converse import BedrockConverseCodec, error_type
from proxy.core.errors import ErrorInfo
from tests.support.boto3_answers import MESSAGES, answered

CODEC = BedrockConverseCodec()


def test_boto3_raises_the_encoded_error() -> None:
    """By its type, with the message."""
    error = ErrorInfo(status=429, message="slow down")
    answer = answered(429, {"content-type": "application/json", "x-amzn-ErrorType": error_type(error)}, CODEC.encode_error(error))
    with pytest.raises(answer.exceptions.ThrottlingException, match="slow down"):
        answer.converse(modelId="m", messages=MESSAGES)
    quota = ErrorInfo(status=402, message="no money")
    answer = answered(402, {"content-type": "application/json", "x-amzn-ErrorType": error_type(quota)}, CODEC.encode_error(quota))
    with pytest.raises(ClientError) as caught:
        answer.converse(modelId="m", messages=MESSAGES)
    assert caught.value.response["Error"] == {"Message": "no money", "Code": "ServiceQuotaExceededException"}
