"""What Bedrock's Converse can say of each feature (features.py). Paths are those of its requests and answers."""

from proxy.codecs.bedrock_converse.fields import DIALECT
from proxy.codecs.features import Answered, Asked, Declaration, Says

_MORE = "additionalModelRequestFields"
_CLAUDE = "Claude only, else dropped"
_BLOCK = "messages[].content[]"
_ANSWER = "output.message.content[]"

DECLARATION = Declaration(
    dialect=DIALECT,
    title="Converse",
    models="Claude from 4.6 on",
    requests={
        Asked.SYSTEM: Says(place="system[].text"),
        Asked.SYSTEM_MIDWAY: Says(place="messages[] of role system", becomes="part of `system`"),
        Asked.TEXT: Says(place=f"{_BLOCK}.text"),
        Asked.IMAGE_INLINE: Says(place=f"{_BLOCK}.image"),
        Asked.DOCUMENT_INLINE: Says(place=f"{_BLOCK}.document"),
        Asked.DOCUMENT_TEXT: Says(place=f"{_BLOCK}.document"),
        Asked.DOCUMENT_TITLE: Says(
            place=f"{_BLOCK}.document.name", note="in the characters that the API takes; required, so its loss is not reported"
        ),
        Asked.DOCUMENT_CONTEXT: Says(place=f"{_BLOCK}.document.context"),
        Asked.AUDIO_INPUT: Says(place=f"{_BLOCK}.audio"),
        Asked.TOOLS: Says(place="toolConfig.tools[].toolSpec"),
        Asked.TOOL_STRICT: Says(place="toolConfig.tools[].toolSpec.strict"),
        Asked.PROVIDER_TOOLS: Says(place="toolConfig.tools[].systemTool", form="Converse"),
        Asked.TOOL_CHOICE_NONE: Says(written="no tools", note="reported where the conversation holds calls, which need them"),
        Asked.TOOL_CHOICE_REQUIRED: Says(place="toolConfig.toolChoice.any"),
        Asked.TOOL_CHOICE_NAMED: Says(place="toolConfig.toolChoice.tool"),
        Asked.TOOL_CHOICE_ALLOWED: Says(becomes="only those tools"),
        Asked.ONE_CALL_AT_A_TIME: Says(
            written=f"{_MORE}.tool_choice.disable_parallel_tool_use", note="Claude from 4.5 on without a forced call, else dropped"
        ),
        Asked.TOOL_CALLS: Says(place=f"{_BLOCK}.toolUse"),
        Asked.TOOL_RESULTS: Says(place=f"{_BLOCK}.toolResult"),
        Asked.TOOL_RESULT_IMAGE: Says(place=f"{_BLOCK}.toolResult.content[].image"),
        Asked.TOOL_RESULT_ERROR: Says(place=f"{_BLOCK}.toolResult.status"),
        Asked.THINKING: Says(place=f"{_BLOCK}.reasoningContent.reasoningText", note=_CLAUDE),
        Asked.THINKING_FOREIGN: Says(place=f"{_BLOCK}.reasoningContent.reasoningText", takes=False),
        Asked.THINKING_REDACTED: Says(place=f"{_BLOCK}.reasoningContent.redactedContent", note=_CLAUDE),
        Asked.EFFORT: Says(place="outputConfig.effort", note=f"{_CLAUDE}; before 4.6 a budget, reported"),
        Asked.THINKING_BUDGET: Says(
            place=f"{_MORE}.thinking.budget_tokens",
            becomes=f"`{_MORE}.thinking` adaptive with the nearest effort",
            note=f"{_CLAUDE}; before 4.6 carried",
        ),
        Asked.THINKING_OFF: Says(place=f"{_MORE}.thinking.type", written="no `thinking`"),
        Asked.CACHE_CONTROL: Says(place="cachePoint behind the block", note="Claude and Nova only, else dropped"),
        Asked.CITATIONS_ASKED: Says(place=f"{_BLOCK}.document.citations"),
        Asked.CITATIONS_EARLIER: Says(place=f"{_BLOCK}.citationsContent", form="Converse"),
        Asked.REFUSAL_EARLIER: Says(becomes="text"),
        Asked.JSON_SCHEMA: Says(place="outputConfig.textFormat"),
        Asked.MAX_TOKENS: Says(place="inferenceConfig.maxTokens"),
        Asked.TEMPERATURE: Says(place="inferenceConfig.temperature"),
        Asked.TEMPERATURE_HIGH: Says(becomes="temperature 1"),
        Asked.TOP_P: Says(place="inferenceConfig.topP", note="for Claude as at messages"),
        Asked.TOP_K: Says(place=f"{_MORE}.top_k", note=_CLAUDE),
        Asked.STOP: Says(place="inferenceConfig.stopSequences"),
        Asked.SERVICE_TIER: Says(place="serviceTier.type"),
        Asked.SERVICE_TIER_FLEX: Says(place="serviceTier.type"),
        Asked.METADATA: Says(place="requestMetadata", form="Converse"),
    },
    answers={
        Answered.TEXT: Says(place=f"{_ANSWER}.text"),
        Answered.TOOL_CALLS: Says(place=f"{_ANSWER}.toolUse"),
        Answered.PROVIDER_CALLS: Says(place=f"{_ANSWER}.toolUse of type server_tool_use", form="Converse"),
        Answered.REFUSAL: Says(becomes="text with stopReason content_filtered"),
        Answered.THINKING: Says(place=f"{_ANSWER}.reasoningContent.reasoningText"),
        Answered.SIGNATURE: Says(place=f"{_ANSWER}.reasoningContent.reasoningText.signature"),
        Answered.REDACTED: Says(place=f"{_ANSWER}.reasoningContent.redactedContent"),
        Answered.CITATIONS: Says(place=f"{_ANSWER}.citationsContent", form="Converse"),
        Answered.STOP: Says(place="stopReason end_turn"),
        Answered.LENGTH: Says(place="stopReason max_tokens"),
        Answered.CALLS_WAIT: Says(place="stopReason tool_use"),
        Answered.FILTERED: Says(place="stopReason content_filtered"),
        Answered.REFUSED: Says(becomes="stopReason content_filtered"),
        Answered.PAUSED: Says(becomes="stopReason end_turn"),
        Answered.CONTEXT_FULL: Says(place="stopReason model_context_window_exceeded"),
        Answered.STOP_SEQUENCE: Says(becomes="stopReason stop_sequence"),
        Answered.USAGE: Says(place="usage.inputTokens, usage.outputTokens"),
        Answered.USAGE_CACHED: Says(place="usage.cacheReadInputTokens"),
        Answered.USAGE_CACHE_WRITE: Says(place="usage.cacheWriteInputTokens"),
        Answered.USAGE_CACHE_WRITE_1H: Says(place="usage.cacheDetails[]"),
        Answered.SERVICE_TIER: Says(place="serviceTier.type", note="a stream's comes at its end and is not passed on"),
    },
)
