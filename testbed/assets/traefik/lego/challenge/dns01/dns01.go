// Package dns01 stands in for lego's.
package dns01

import (
	"strings"
	"time"
)

type Options struct{ RecursiveNameservers []string }

type Client struct{}

func NewClient(*Options) *Client { return nil }

func SetDefaultClient(*Client) {}

func CondOptions(bool, ...any) any { return nil }

func DisableAuthoritativeNssPropagationRequirement() any { return nil }

func DisableRecursiveNSsPropagationRequirement() any { return nil }

func PropagationWait(time.Duration, bool) any { return nil }

func UnFqdn(name string) string { return strings.TrimSuffix(name, ".") }
