package views

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
)

//go:embed assets/latchkey.css
var styleSheet []byte

//go:embed assets/latchkey.js
var script []byte

// CSS is the style sheet of all pages and its strong entity tag, quotes included.
func CSS() (content []byte, etag string) { return bytes.Clone(styleSheet), entityTag(styleSheet) }

// JS is the script that makes pages nicer; they work without it. The entity tag is strong, quotes included.
func JS() (content []byte, etag string) { return bytes.Clone(script), entityTag(script) }

func entityTag(content []byte) string { return `"` + shortHash(content) + `"` }

func hashedName(content []byte, extension string) string {
	return "latchkey." + shortHash(content) + "." + extension
}

func shortHash(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:8])
}
