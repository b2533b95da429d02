"""What is passed on to the AWS credential chain."""

from proxy.settings.aws import aws_environ, aws_region


def test_only_what_aws_sdks_read_is_passed_on() -> None:
    """Nobody else's secrets."""
    environ = {"AWS_PROFILE": "p", "HOME": "/h", "OPENAI_API_KEY": "sk"}
    assert aws_environ(environ) == {"AWS_PROFILE": "p", "HOME": "/h"}
    assert "PATH" not in aws_environ()


def test_the_region_has_a_default() -> None:
    """AWS_REGION wins over AWS_DEFAULT_REGION, as in AWS's SDKs."""
    assert aws_region({"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "us-west-2"}) == "eu-west-1"
    assert aws_region({"AWS_DEFAULT_REGION": "us-west-2"}) == "us-west-2"
    assert aws_region({}) == "us-east-1"
