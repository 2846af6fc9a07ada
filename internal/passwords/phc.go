package passwords

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
)

const (
	saltBytes = 16
	keyBytes  = 32
	bcryptLen = 60

	// What a stored hash may ask for at most. Hashes can come from an import file, so they are not trusted to be modest.
	maxMemory  = 256 * 1024 // KiB
	maxTime    = 16
	maxThreads = 16
	maxBcrypt  = 15 // cost; 15 is about two seconds
)

// phc is an argon2id hash in the PHC string format:
// $argon2id$v=19$m=19456,t=2,p=1$SALT$KEY, base64 without padding.
type phc struct {
	Params
	salt, key []byte
}

func (p phc) String() string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s",
		argon2.Version, p.Memory, p.Time, p.Threads, b64.EncodeToString(p.salt), b64.EncodeToString(p.key))
}

// check refuses what argon2 would panic on, what is no protection, and what would cost too much.
func (p phc) check() error {
	switch {
	case p.Threads < 1 || p.Threads > maxThreads:
		return hashError("p is not between 1 and %d", maxThreads)
	case p.Time < 1 || p.Time > maxTime:
		return hashError("t is not between 1 and %d", maxTime)
	case p.Memory < 8*uint32(p.Threads) || p.Memory > maxMemory:
		return hashError("m is not between 8 × p and %d", maxMemory)
	case len(p.salt) < 8 || len(p.salt) > 64:
		return hashError("the salt has not 8 to 64 bytes")
	case len(p.key) < 16 || len(p.key) > 64:
		return hashError("the hash has not 16 to 64 bytes")
	}
	return nil
}

// parsePHC reads an argon2id hash of version 19. Errors: ErrHash; they never hold the hash.
func parsePHC(s string) (phc, error) {
	if len(s) > 512 {
		return phc{}, hashError("longer than 512 bytes")
	}
	fields := strings.Split(s, "$")
	if len(fields) != 6 || fields[0] != "" || fields[1] != "argon2id" {
		return phc{}, hashError("neither argon2id nor bcrypt")
	}
	if fields[2] != "v=19" {
		return phc{}, hashError("argon2 version is not 19")
	}
	p, err := parseParams(fields[3])
	if err != nil {
		return phc{}, err
	}
	hash := phc{Params: p}
	if hash.salt, err = base64.RawStdEncoding.Strict().DecodeString(fields[4]); err != nil {
		return phc{}, hashError("the salt is not base64")
	}
	if hash.key, err = base64.RawStdEncoding.Strict().DecodeString(fields[5]); err != nil {
		return phc{}, hashError("the hash is not base64")
	}
	return hash, hash.check()
}

func parseParams(s string) (Params, error) {
	fields := strings.Split(s, ",")
	if len(fields) != 3 {
		return Params{}, hashError("parameters are not m, t, p")
	}
	var values [3]uint64
	for i, name := range []string{"m=", "t=", "p="} {
		digits, ok := strings.CutPrefix(fields[i], name)
		n, err := strconv.ParseUint(digits, 10, 32)
		if !ok || err != nil || (i == 2 && n > maxThreads) {
			return Params{}, hashError("parameter %s is missing or not a number in range", name[:1])
		}
		values[i] = n
	}
	return Params{Memory: uint32(values[0]), Time: uint32(values[1]), Threads: uint8(values[2])}, nil
}

// checkBcrypt tells whether the hash is bcrypt's, and refuses those of an unaffordable cost.
func checkBcrypt(s string) (bool, error) {
	if !strings.HasPrefix(s, "$2a$") && !strings.HasPrefix(s, "$2b$") && !strings.HasPrefix(s, "$2y$") {
		return false, nil
	}
	cost, err := bcrypt.Cost([]byte(s))
	if err != nil || len(s) != bcryptLen {
		return true, hashError("malformed bcrypt")
	}
	if cost > maxBcrypt {
		return true, hashError("bcrypt cost is above %d", maxBcrypt)
	}
	return true, nil
}

func hashError(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrHash, fmt.Sprintf(format, args...))
}
