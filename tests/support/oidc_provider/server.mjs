// A real OpenID provider for tests. Configuration in one line of JSON on standard input: {port, jwks: [private keys, the first signs]}.
// Each further line {jwks} puts other keys in force, on the same port. Answers each line with {"url"} when it holds.
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { Provider } from 'oidc-provider';

const AUDIENCE = 'https://edge.example/api';
let current;
let jwksFetches = 0;

function provider(issuer, keys) {
  const made = new Provider(issuer, {
    jwks: { keys },
    clients: [{
      client_id: 'billing', client_secret: 'a-secret-of-the-billing-service-0123456789',
      grant_types: ['client_credentials'], redirect_uris: [], response_types: [],
      id_token_signed_response_alg: keys[0].alg,
    }],
    scopes: ['llm/invoke', 'llm/admin'],
    extraTokenClaims: () => ({ tenant: 'acme', org: { groups: ['builders'] } }),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => AUDIENCE,
        getResourceServerInfo: (ctx, resource) => ({
          scope: 'llm/invoke llm/admin', audience: resource, accessTokenFormat: 'jwt',
          accessTokenTTL: resource.endsWith('/short') ? 1 : 600,
          jwt: { sign: { alg: keys[0].alg } },
        }),
      },
    },
  });
  return made.callback();
}

const server = createServer((request, response) => {
  if (request.url === '/fetches') {
    response.end(JSON.stringify({ jwks: jwksFetches }));
    return;
  }
  jwksFetches += request.url === '/jwks' ? 1 : 0;
  current(request, response);
});

for await (const line of createInterface({ input: process.stdin })) {
  const { port, jwks } = JSON.parse(line);
  if (!server.listening) await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${server.address().port}`;
  current = provider(url, jwks);
  console.log(JSON.stringify({ url }));
}
process.exit(0);
