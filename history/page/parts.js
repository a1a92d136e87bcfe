/*
 * What the pages use. Whatever came from the service is put in as text, never
 * as markup: there is no other way here to make an element.
 */

/* For as long as this tab is open; in no address. */
const TOKEN = 'flixtube-token';

export const byId = (id) => document.getElementById(id);

export function element(name, className, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

/* With its role said, which a table loses where a style makes it cards. */
export function cell(name, role, className, ...children) {
  const made = element(name, className, ...children);
  made.setAttribute('role', role);
  return made;
}

export function drawing(name, attributes, ...children) {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const [attribute, value] of Object.entries(attributes))
    made.setAttribute(attribute, value);
  made.append(...children);
  return made;
}

/* The region is emptied first, so that the same words are said again. */
export function announce(text) {
  const region = byId('announcer');
  region.textContent = '';
  setTimeout(() => { region.textContent = text; }, 50);
}

/* ---- Where to ---- */

/* The path with those of the parameters that are not empty. */
export function address(path, parameters) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters))
    if (value !== '') query.set(name, value);
  const text = query.toString();
  return text === '' ? path : `${path}?${text}`;
}

/* ---- Words ---- */

export function clockText(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (n) => String(n).padStart(2, '0');
  const [h, m, s] =
    [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/* The name of a file as a title, as the player shows it. */
export function titleOf(name) {
  const file = name.split('/').pop() || name;
  return file.replace(/\.[A-Za-z0-9]{1,5}$/, '').replaceAll('_', ' ') || name;
}

const numberFormat = new Intl.NumberFormat();
const timeFormat = new Intl.DateTimeFormat(undefined,
  { dateStyle: 'medium', timeStyle: 'medium' });

export const numberText = (number) => numberFormat.format(number);

export function countText(count, one, many = `${one}s`) {
  return `${numberText(count)} ${count === 1 ? one : many}`;
}

export function bytesText(bytes) {
  let rest = bytes;
  for (const unit of ['B', 'kB', 'MB', 'GB']) {
    if (rest < 1000) return `${rest.toPrecision(3).replace(/\.0+$/, '')} ${unit}`;
    rest /= 1000;
  }
  return `${numberText(Math.round(rest))} TB`;
}

export function spanText(seconds) {
  for (const [unit, length_s] of [['day', 86400], ['hour', 3600], ['minute', 60]])
    if (seconds >= length_s)
      return countText(Math.floor(seconds / length_s), unit);
  return countText(Math.floor(Math.max(seconds, 0)), 'second');
}

/* An element, whose title has the time in full. */
export function agoOf(text, now_ms) {
  const date = new Date(text);
  const seconds = (now_ms - date.getTime()) / 1000;
  const made = element('time', '',
    seconds < 5 ? 'just now' : `${spanText(seconds)} ago`);
  made.dateTime = text;
  made.title = timeFormat.format(date);
  return made;
}

/* ---- Asking the service ---- */

export class Refused extends Error {} /* asking again cannot help */
export class Unknown extends Refused {} /* who asks, or whether that one may */

export const hasToken = () => sessionStorage.getItem(TOKEN) !== null;
export const keepToken = (text) => sessionStorage.setItem(TOKEN, text.trim());

async function problemText(response) {
  try {
    const problem = await response.json();
    return String(problem.detail ?? problem.title).slice(0, 300);
  } catch {
    return `status ${response.status}`;
  }
}

/* The answer, or an error in words: Refused for what is the asker's. */
export async function ask(address, { headers = {}, ...more } = {}) {
  const token = sessionStorage.getItem(TOKEN);
  const response = await fetch(address, {
    cache: 'no-store',
    ...more,
    headers: {
      accept: 'application/json',
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...headers,
    },
  });
  if (response.ok) return response;
  const text = await problemText(response);
  if (response.headers.has('www-authenticate')) throw new Unknown(text);
  if (response.status < 500 && response.status !== 429) throw new Refused(text);
  throw new Error(text);
}

/* The service is away, or slower than one waits. */
export const isAway = (error) =>
  error instanceof TypeError || error.name === 'AbortError'
    || error.name === 'TimeoutError';

/*
 * Asks in the page, and gives whether it was confirmed. A <dialog> keeps the
 * focus in it, Escape leaves it, and the focus goes back to where it was.
 */
export function confirmed(dialog, words) {
  const text = dialog.querySelector('.question');
  text.textContent = words;
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close',
      () => resolve(dialog.returnValue === 'yes'), { once: true });
  });
}
