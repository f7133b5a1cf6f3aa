#!/usr/bin/env bash
# Claude Code, headless, does one task with one tool call; each argument is a model to do it with.
# Run by scripts/sdk-tests, which sets SDK_CLAUDE (the program), SDK_ANTHROPIC_URL and SDK_ANTHROPIC_KEY.
# The fake model calls the tool that the prompt spells out, and repeats the result: so the file proves that the call
# arrived, and the last words that the result went back.
set -u
passed=0 failed=0

task() {
  local model=$1 home file said
  home=$(mktemp -d)
  file=$home/work/hello.txt
  mkdir "$home/work"
  said=$(cd "$home/work" && env -u HTTP_PROXY -u HTTPS_PROXY -u http_proxy -u https_proxy \
    HOME="$home" ANTHROPIC_BASE_URL="$SDK_ANTHROPIC_URL" ANTHROPIC_AUTH_TOKEN="$SDK_ANTHROPIC_KEY" \
    ANTHROPIC_MODEL="$model" ANTHROPIC_DEFAULT_OPUS_MODEL="$model" ANTHROPIC_DEFAULT_SONNET_MODEL="$model" \
    ANTHROPIC_DEFAULT_HAIKU_MODEL="$model" CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 DISABLE_TELEMETRY=1 \
    DISABLE_ERROR_REPORTING=1 DISABLE_AUTOUPDATER=1 \
    timeout 120 "$SDK_CLAUDE" -p "Write {\"file_path\": \"$file\", \"content\": \"from the agent\\n\"}" \
    --allowedTools Write --permission-mode acceptEdits < /dev/null 2>&1)
  if [ "$(cat "$file" 2> /dev/null)" = "from the agent" ] && [[ $said == *"The tool answered:"* ]]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf 'FAILED claude-code with %s\n%s\n' "$model" "$said"
  fi
  rm -rf "$home"
}

for model in "$@"; do task "$model"; done
printf '%d passed, %d failed, 0 skipped\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
