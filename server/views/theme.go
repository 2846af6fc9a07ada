package views

import (
	"encoding/hex"
	"fmt"
	"math"
	"strings"
)

// Colours that the style sheet sets and a brand colour has to stand out from.
var (
	white        = rgb{0xff, 0xff, 0xff}
	black        = rgb{0, 0, 0}
	lightSurface = white
	darkSurface  = rgb{0x18, 0x1c, 0x22}
	darkPage     = rgb{0x10, 0x13, 0x17}
)

// readable is the contrast that text needs (WCAG 2.2 §1.4.3, level AA).
const readable = 4.5

// rgb is a colour in sRGB.
type rgb [3]uint8

// parseColour reads #rrggbb, the only form that gets into a style sheet.
func parseColour(s string) (rgb, bool) {
	if len(s) != 7 || s[0] != '#' {
		return rgb{}, false
	}
	channels, err := hex.DecodeString(s[1:])
	if err != nil {
		return rgb{}, false
	}
	return rgb(channels), true
}

// String writes #rrggbb.
func (c rgb) String() string { return fmt.Sprintf("#%02x%02x%02x", c[0], c[1], c[2]) }

// luminance is the relative luminance, 0 to 1 (WCAG 2.2, definition of relative luminance).
func (c rgb) luminance() float64 {
	linear := func(channel uint8) float64 {
		s := float64(channel) / 255
		if s <= 0.04045 {
			return s / 12.92
		}
		return math.Pow((s+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(c[0]) + 0.7152*linear(c[1]) + 0.0722*linear(c[2])
}

// contrast is the ratio of two colours, 1 to 21 (WCAG 2.2, definition of contrast ratio).
func contrast(a, b rgb) float64 {
	la, lb := a.luminance(), b.luminance()
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}

// textOn is white or black, whichever can be read on the colour: one of them always can.
func textOn(c rgb) rgb {
	if contrast(white, c) >= readable {
		return white
	}
	return black
}

// standOut moves the colour towards white or black until it can be read on the surface.
func standOut(c, surface rgb) rgb {
	goal := textOn(surface)
	for step := 0; step <= 20; step++ {
		if mixed := mix(c, goal, float64(step)/20); contrast(mixed, surface) >= readable {
			return mixed
		}
	}
	return goal
}

// mix goes from a (share 0) to b (share 1).
func mix(a, b rgb, share float64) rgb {
	var out rgb
	for i := range out {
		out[i] = uint8(math.Round(float64(a[i])*(1-share) + float64(b[i])*share))
	}
	return out
}

// themeOf writes the brand's colours as custom properties, for light and dark. The primary colour fills buttons as it is;
// links and focus rings get a shade of it that can be read on the surface. A light page background isn't used in the
// dark, where it would dazzle.
func themeOf(b Brand) string {
	var light, dark strings.Builder
	if primary, ok := parseColour(b.Primary); ok {
		fill := fmt.Sprintf("--primary:%s;--on-primary:%s;", primary, textOn(primary))
		fmt.Fprintf(&light, "%s--link:%s;", fill, standOut(primary, lightSurface))
		fmt.Fprintf(&dark, "%s--link:%s;", fill, standOut(primary, darkSurface))
	}
	if page, ok := parseColour(b.PageBackground); ok {
		fmt.Fprintf(&light, "--page:%s;", page)
		if textOn(page) != white {
			page = darkPage
		}
		fmt.Fprintf(&dark, "--page:%s;", page)
	}
	if light.Len() == 0 {
		return ""
	}
	return ":root{" + light.String() + "}@media (prefers-color-scheme:dark){:root{" + dark.String() + "}}"
}
