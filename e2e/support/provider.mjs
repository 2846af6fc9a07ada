// Another identity provider as a process of its own: panva's oidc-provider with its development pages.
// Usage: node provider.mjs PORT REDIRECT_URI
import { Provider } from 'oidc-provider';

const [port, redirectUri] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const people = {
  linus: {
    name: 'Linus Example', given_name: 'Linus', family_name: 'Example', nickname: 'lin', locale: 'fi-FI', zoneinfo: 'Europe/Helsinki',
    email: 'linus@provider.example', email_verified: true, department: 'Kernel',
  },
};

const provider = new Provider(issuer, {
  clients: [{ client_id: 'latchkey', client_secret: 'the-right-secret-of-the-upstream-client', redirect_uris: [redirectUri] }],
  claims: {
    openid: ['sub'], email: ['email', 'email_verified'],
    profile: ['name', 'given_name', 'family_name', 'nickname', 'locale', 'zoneinfo', 'department'],
  },
  cookies: { keys: ['only for a test'] },
  findAccount: (ctx, id) => ({ accountId: id, claims: () => ({ sub: id, ...people[id] }) }),
});
provider.listen(Number(port), '127.0.0.1', () => { console.log(`listening at ${issuer}`); });
