// Package views draws the pages people see during a log-in: plain HTML that works without JavaScript, in the person's
// language and the operator's colours.
//
//	handler ──► LoginPage{…} ──► Views.Login ──► templates/login.html + templates/layout.html ──► bytes
//	                                  ▲
//	                       texts/<language>.json, theme of the brand
//
// Every page is a Go struct that says all the page shows; it embeds [Page], the part all pages share. A handler fills the
// struct and calls the method of the same name. Nothing here reads a request, sets a header or decides anything: the
// handlers of package hosted do, and they serve [CSS] and [JS] at [Views.StyleURL] and [Views.ScriptURL].
//
// A page needs this content security policy from its handler: style-src and script-src with 'self' and the page's nonce,
// img-src for the operator's logo, and nothing inline without the nonce. form-action has to name the place a form leads
// to after all redirects, because browsers apply it to those as well.
package views
