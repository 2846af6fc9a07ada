package views

import (
	"net/http"
	"path"
)

// ServeAsset serves the style sheet and the script under the names that pages link: they carry a hash of the content, so
// browsers may keep them for good.
func (v *Views) ServeAsset(w http.ResponseWriter, r *http.Request) {
	var content []byte
	var etag, kind string
	switch path.Base(r.URL.Path) {
	case path.Base(v.styleURL):
		content, etag, kind = styleSheet, entityTag(styleSheet), "text/css; charset=utf-8"
	case path.Base(v.scriptURL):
		content, etag, kind = script, entityTag(script), "text/javascript; charset=utf-8"
	default:
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("ETag", etag)
	if r.Header.Get("If-None-Match") == etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	// Whoever asked may be gone; nobody is left to tell.
	_, _ = w.Write(content)
}
