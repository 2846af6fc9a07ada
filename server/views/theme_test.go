package views

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

func TestContrastIsTheOneOfWCAG(t *testing.T) {
	for _, row := range []struct {
		a, b string
		want float64
	}{
		{"#000000", "#ffffff", 21},
		{"#ffffff", "#ffffff", 1},
		{"#777777", "#ffffff", 4.48},
		{"#767676", "#ffffff", 4.54},
		{"#ff0000", "#ffffff", 4.00},
		{"#2453d6", "#ffffff", 6.40},
	} {
		a, okA := parseColour(row.a)
		b, okB := parseColour(row.b)
		if !okA || !okB {
			t.Fatalf("%s or %s isn't a colour", row.a, row.b)
		}
		if got := contrast(a, b); math.Abs(got-row.want) > 0.01 {
			t.Errorf("contrast of %s and %s is %.2f, want %.2f", row.a, row.b, got, row.want)
		}
	}
}

func TestOnlyPlainColoursAreRead(t *testing.T) {
	for _, s := range []string{"", "#fff", "#12345", "#1234567", "red", "2453d6", "#24 3d6", "#+23456", "#-23456", "#0x1234", "#1_2345", "rgb(0,0,0)", "#gggggg", "#00000;"} {
		if c, ok := parseColour(s); ok {
			t.Errorf("%q was read as %s", s, c)
		}
	}
	if c, ok := parseColour("#2453D6"); !ok || c.String() != "#2453d6" {
		t.Errorf("got %s, %v", c, ok)
	}
}

func TestEveryBrandColourCanBeRead(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		n := random.Uint32()
		c := rgb{uint8(n), uint8(n >> 8), uint8(n >> 16)}
		if got := contrast(textOn(c), c); got < readable {
			t.Errorf("text on %s has contrast %.2f", c, got)
		}
		for _, surface := range []rgb{lightSurface, darkSurface} {
			if got := contrast(standOut(c, surface), surface); got < readable {
				t.Errorf("%s as a link on %s has contrast %.2f", c, surface, got)
			}
		}
	}
}

func TestTheme(t *testing.T) {
	for name, row := range map[string]struct {
		brand Brand
		want  string
	}{
		"no colours":  {Brand{}, ""},
		"bad colours": {Brand{Primary: "red;}", PageBackground: "url(//evil.example)"}, ""},
		"yellow": {Brand{Primary: "#ffcc00"}, ":root{--primary:#ffcc00;--on-primary:#000000;--link:#8c7000;}" +
			"@media (prefers-color-scheme:dark){:root{--primary:#ffcc00;--on-primary:#000000;--link:#ffcc00;}}"},
		"light page": {Brand{PageBackground: "#FFFFFF"}, ":root{--page:#ffffff;}@media (prefers-color-scheme:dark){:root{--page:#101317;}}"},
		"dark page":  {Brand{PageBackground: "#001122"}, ":root{--page:#001122;}@media (prefers-color-scheme:dark){:root{--page:#001122;}}"},
	} {
		if got := themeOf(row.brand); got != row.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, row.want)
		}
	}
}

// The colours in theme.go that brand colours are measured against are those of the style sheet, and the sheet's own
// colours can be read.
func TestStyleSheetColours(t *testing.T) {
	css := string(styleSheet)
	light, rest, ok := strings.Cut(css, "@media (prefers-color-scheme: dark)")
	if !ok {
		t.Fatal("the style sheet has no dark colours")
	}
	dark, _, _ := strings.Cut(rest, "\n}\n")
	for name, scheme := range map[string]struct {
		css     string
		surface rgb
	}{"light": {light, lightSurface}, "dark": {dark, darkSurface}} {
		colour := func(property string) rgb {
			_, after, found := strings.Cut(scheme.css, "--"+property+": ")
			if !found {
				t.Fatalf("%s: no --%s", name, property)
			}
			c, ok := parseColour(after[:7])
			if !ok {
				t.Fatalf("%s: --%s is not a colour", name, property)
			}
			return c
		}
		surface := colour("surface")
		if surface != scheme.surface {
			t.Errorf("%s: surface is %s, theme.go has %s", name, surface, scheme.surface)
		}
		if page := colour("page"); name == "dark" && page != darkPage {
			t.Errorf("the dark page is %s, theme.go has %s", page, darkPage)
		}
		for _, property := range []string{"text", "muted", "link", "danger", "success"} {
			if got := contrast(colour(property), surface); got < readable {
				t.Errorf("%s: --%s on the surface has contrast %.2f", name, property, got)
			}
		}
		if got := contrast(colour("on-primary"), colour("primary")); got < readable {
			t.Errorf("%s: text on primary has contrast %.2f", name, got)
		}
		if got := contrast(colour("edge"), surface); got < 3 {
			t.Errorf("%s: edges of controls have contrast %.2f", name, got)
		}
	}
}
