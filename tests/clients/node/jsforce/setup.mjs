// What every script starts with: connections as the variables of the environment say.
import jsforce from 'jsforce';

export const env = process.env;
export const VERSION = env.SF_API_VERSION;

/** A connection by a session that is there already. */
export function connect(more = {}) {
  return new jsforce.Connection({
    instanceUrl: env.SF_INSTANCE_URL,
    accessToken: env.SF_ACCESS_TOKEN,
    version: VERSION,
    ...more,
  });
}

/** The OAuth client of the org's app. */
export function oauth2(more = {}) {
  return new jsforce.OAuth2({
    loginUrl: env.SF_LOGIN_URL,
    clientId: env.SF_CLIENT_ID,
    clientSecret: env.SF_CLIENT_SECRET,
    redirectUri: 'http://localhost:1717/OauthRedirect',
    ...more,
  });
}

export { jsforce };
