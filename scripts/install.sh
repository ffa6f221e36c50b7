#!/bin/sh
# Installs kubectl-aspire from the archives of a release: downloads the one of this platform, compares its checksum, and
# puts the program into a folder. The helm plugin runs it after `helm plugin install`, CI runs it, and so can you:
#
#   curl -fsSL https://github.com/kubectl-aspire/kubectl-aspire/releases/latest/download/install.sh | sh
set -eu

version=0.1.0
releases=https://github.com/kubectl-aspire/kubectl-aspire/releases/download

usage="usage: install.sh [--to DIR] [--version VERSION]
  --to DIR           where the program goes [default: ~/.local/bin]
  --version VERSION  another release than $version
  --plugin DIR       run by helm: DIR is the folder of the plugin
KUBECTL_ASPIRE_DOWNLOADS names another place of the archives: a URL, or a folder where they lie."

say() { printf '%s\n' "kubectl-aspire: $*" >&2; }

# Ends with what is wrong, what else works, and what helm leaves behind.
fail() {
  say "error: $1"
  say "Other ways: unpack an archive of ${releases%/download} yourself and put bin/kubectl-aspire on the PATH; or build it with Rust:"
  say "  cargo install --locked --path . --root ."
  if [ -n "$plugin" ]; then
    say "Helm keeps the plugin without its program. Before the next attempt: helm plugin uninstall aspire"
  fi
  exit 1
}

wrong_usage() {
  printf '%s\n' "install.sh: $1" "$usage" >&2
  exit 1
}

plugin=
to="${HOME:-}/.local/bin"
while [ $# -gt 0 ]; do
  case $1 in
    --to | --version | --plugin) [ $# -ge 2 ] || wrong_usage "$1 needs a value" ;;
  esac
  case $1 in
    --to) to=$2 && shift ;;
    --version) version=${2#v} && shift ;;
    --plugin) plugin=$2 && to=$2/bin && shift ;;
    --help | -h) printf '%s\n' "$usage" && exit 0 ;;
    *) wrong_usage "unknown argument $1" ;;
  esac
  shift
done
case $version in
  *[!0-9A-Za-z.+-]* | '') wrong_usage "$version is no version" ;;
esac

program=kubectl-aspire
case $(uname -s) in
  Linux) os=linux ;;
  Darwin) os=darwin ;;
  MINGW* | MSYS* | CYGWIN*) os=windows program=kubectl-aspire.exe ;;
  *) fail "there is no archive for $(uname -s)" ;;
esac
case $(uname -m) in
  x86_64 | amd64) arch=amd64 ;;
  aarch64 | arm64) arch=arm64 ;;
  *) fail "there is no archive for the processor $(uname -m)" ;;
esac

# Built from source, installed before, or from an archive.
if [ -n "$plugin" ] && "$to/$program" version 2>/dev/null | grep -qF "aspire $version"; then
  say "$to/$program is version $version"
  exit 0
fi

archive=kubectl-aspire-$version-$os-$arch.tgz
place=${KUBECTL_ASPIRE_DOWNLOADS:-$releases/v$version}
work=$(mktemp -d) || fail "no folder for temporary files can be made"
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# Fetches one file of the release into the working folder.
fetch() {
  if [ -d "$place" ]; then
    cp "$place/$1" "$work/$1" 2>/dev/null || fail "the folder $place has no $1"
  elif command -v curl >/dev/null; then
    curl -fsSL --retry 3 --connect-timeout 20 -o "$work/$1" "$place/$1" 2>"$work/said" ||
      fail "cannot download $place/$1: $(tail -n 1 "$work/said")"
  elif command -v wget >/dev/null; then
    wget -q -T 20 -O "$work/$1" "$place/$1" || fail "cannot download $place/$1 (wget ended with $?)"
  else
    fail "neither curl nor wget is on the PATH"
  fi
}

digest() {
  if command -v sha256sum >/dev/null; then
    sha256sum "$1" | cut -d ' ' -f 1
  elif command -v shasum >/dev/null; then
    shasum -a 256 "$1" | cut -d ' ' -f 1
  else
    openssl dgst -sha256 -r "$1" | cut -d ' ' -f 1
  fi
}

fetch SHA256SUMS
expected=$(sed -n "s/^\([0-9a-f]\{64\}\)  $archive\$/\1/p" "$work/SHA256SUMS")
[ -n "$expected" ] || fail "release $version has no archive $archive"
fetch "$archive"
found=$(digest "$work/$archive")
[ "$found" = "$expected" ] || fail "the checksum of $archive is $found, and SHA256SUMS says $expected: nothing was installed"

tar -xzf "$work/$archive" -C "$work" bin || fail "$archive cannot be unpacked"
mkdir -p "$to" || fail "cannot make the folder $to"
# Beside the old program first: a program that runs can be replaced, not overwritten.
for file in "$work"/bin/*; do
  name=${file##*/}
  cp "$file" "$to/.$name.new" || fail "cannot write into $to"
  chmod 755 "$to/.$name.new"
  mv -f "$to/.$name.new" "$to/$name" || fail "cannot replace $to/$name"
done
"$to/$program" version >/dev/null || fail "$to/$program does not start"
say "installed version $version in $to"
case ":$PATH:" in
  *":$to:"*) ;;
  *) [ -n "$plugin" ] || say "$to is not on the PATH: add it, so that kubectl finds the program" ;;
esac
