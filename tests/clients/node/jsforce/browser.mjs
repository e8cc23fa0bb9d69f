// As much of a browser as a login needs: cookies, redirects and forms.
import assert from 'node:assert/strict';
import { env } from './setup.mjs';

const ENTITIES = { '&amp;': '&', '&lt;': '<', '&gt;': '>', '&quot;': '"', '&#x27;': "'", '&#39;': "'" };
const plain = (text) => text.replace(/&(amp|lt|gt|quot|#x27|#39);/g, (entity) => ENTITIES[entity]);
const attribute = (tag, name) => plain(new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1] ?? '');

function form(page) {
  const fields = new URLSearchParams();
  for (const [tag] of page.matchAll(/<input\b[^>]*>/g)) {
    if (attribute(tag, 'type') === 'hidden') fields.set(attribute(tag, 'name'), attribute(tag, 'value'));
  }
  return { action: attribute(/<form\b[^>]*>/.exec(page)[0], 'action'), fields };
}

/** Log in and answer the consent page; return the address that the browser is sent to in the end. */
export async function consent(address, callback, answer = 'save') {
  const cookies = new Map();
  let url = address;
  let request = {};
  for (let step = 0; step < 12; step += 1) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const reply = await fetch(url, { ...request, redirect: 'manual', headers: { cookie } });
    for (const line of reply.headers.getSetCookie()) {
      const [name, value] = line.split(';')[0].split('=');
      cookies.set(name, value);
    }
    request = {};
    if (reply.status >= 300 && reply.status < 400) {
      url = new URL(reply.headers.get('location'), url).href;
      if (url.startsWith(callback)) return new URL(url);
      continue;
    }
    const page = await reply.text();
    assert.equal(reply.status, 200, page);
    const { action, fields } = form(page);
    if (page.includes('name="pw"')) {
      fields.set('username', env.SF_USERNAME);
      fields.set('pw', env.SF_PASSWORD);
    } else {
      fields.set(answer, answer === 'save' ? 'Allow' : 'Deny');
    }
    url = new URL(action, url).href;
    request = { method: 'POST', body: fields };
  }
  throw new Error(`the login never came to its end: ${url}`);
}
