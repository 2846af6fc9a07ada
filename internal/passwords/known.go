package passwords

import (
	"strings"
	"unicode/utf8"
)

// shortestPart is how long a name has to be before a password may not hold it: with shorter ones hardly a password would
// be left.
const shortestPart = 3

// InDictionary tells whether the password is, apart from upper and lower case, one of the most common ones or one of the
// operator's own (options.password_dictionary.dictionary).
func InDictionary(password string, own []string) bool {
	for word := range strings.FieldsSeq(common) {
		if strings.EqualFold(word, password) {
			return true
		}
	}
	for _, word := range own {
		if strings.EqualFold(word, password) {
			return true
		}
	}
	return false
}

// HoldsPersonalData tells whether the password holds one of the values, or a word of one, apart from upper and lower case.
// Values and words under three characters don't count (Auth0: Password Options, personal data).
func HoldsPersonalData(password string, values []string) bool {
	low := strings.ToLower(password)
	holds := func(part string) bool {
		return utf8.RuneCountInString(part) >= shortestPart && strings.Contains(low, strings.ToLower(part))
	}
	for _, value := range values {
		if holds(strings.TrimSpace(value)) {
			return true
		}
		for word := range strings.FieldsSeq(value) {
			if holds(word) {
				return true
			}
		}
	}
	return false
}

// common are passwords that everybody tries first. The list is deliberately short: it stops the worst, and an operator
// adds to it with options.password_dictionary.dictionary.
const common = `
123456 1234567 12345678 123456789 1234567890 12345 1234 0123456789 0987654321 987654321 87654321 654321 54321
111111 11111111 000000 00000000 112233 121212 123123 123123123 123321 222222 555555 666666 696969 777777 888888 999999
12344321 159753 147258369 123654 456456 789456123 102030 101010 131313
1q2w3e 1q2w3e4r 1q2w3e4r5t 1qaz2wsx 1qazxsw2 q1w2e3r4 qazwsx qazwsxedc zaq12wsx zaq1zaq1
qwerty qwerty1 qwerty12 qwerty123 qwerty1234 qwertyui qwertyuiop qwertz asdfgh asdfghjk asdfghjkl asdf1234 zxcvbn zxcvbnm
abc123 abcd1234 abcdef abcdefg abcdefgh a1b2c3 a1b2c3d4 aa123456 aaaaaa aaaaaaaa
password password! password1 password1! password12 password123 password1234 passw0rd passw0rd! passw0rd1 p@ssword
p@ssword1 p@ssw0rd p@ssw0rd1 p@ssw0rd! pass pass123 pass1234 passwort kennwort motdepasse contraseña
admin admin1 admin123 admin1234 administrator root toor guest guest123 user user123 default changeme changeme123 changeit
letmein letmein1 letmein123 welcome welcome1 welcome123 welcome1! login login123 access master secret secret123 test
test123 test1234 testing testtest temp1234 demo1234
iloveyou ilovegod lovely sunshine princess princess1 monkey monkey123 dragon dragon123 football football1 baseball
basketball superman batman spiderman shadow michael jordan jordan23 charlie daniel jessica ashley jennifer michelle hunter
hunter2 tigger ginger pepper cookie cheese summer winter spring autumn flower freedom whatever trustno1 starwars pokemon
computer internet google samsung matrix killer soccer hockey mustang ferrari liverpool chelsea arsenal barcelona juventus
`
