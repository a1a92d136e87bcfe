/*
 * The history page: one page of views, by the filters and the cursor in the
 * location. The first page asks again by itself while it is visible, so a
 * new view shows without a reload; older pages stand still.
 *
 * Everything that came from the service is put in as text, never as markup.
 */

const PAGE_ROWS = 25;
const REFRESH_MS = 2000;
const RETRY_MS_MAX = 10000;
const ANSWER_MS_MAX = 10000; /* then the service counts as away */
const FRESH_MS = 6000;       /* as long as the tint in the style sheet */
const SUGGESTIONS_MAX = 50;  /* of a filter, from the rows seen so far */

const byId = (id) => document.getElementById(id);
const page = {
  announcer: byId('announcer'), caption: byId('caption'),
  clear: byId('clear'), empty: byId('empty'), emptyText: byId('empty-text'),
  emptyTitle: byId('empty-title'), filters: byId('filters'),
  heading: document.querySelector('h1'), live: byId('live'),
  loading: byId('loading'), newest: byId('newest'), notice: byId('notice'),
  older: byId('older'), pages: byId('pages'), range: byId('range'),
  rows: byId('rows'), scope: byId('scope'), sheet: byId('sheet'),
  sign: byId('sign'), token: byId('token'),
  table: byId('table'), userId: byId('userId'), videoId: byId('videoId'),
  videos: byId('videos'), viewers: byId('viewers'),
};

/* ---- Words ---- */

function clockText(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (n) => String(n).padStart(2, '0');
  const [h, m, s] =
    [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

/* The name of a file as a title, as the player shows it. */
function titleOf(name) {
  const file = name.split('/').pop() || name;
  return file.replace(/\.[A-Za-z0-9]{1,5}$/, '').replaceAll('_', ' ') || name;
}

const timeFormat = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const dateFormat = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
const fullFormat =
  new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'long' });

function dayText(date) {
  const midnight = (d) => new Date(d.getFullYear(), d.getMonth(), d.getDate());
  const days = Math.round((midnight(new Date()) - midnight(date)) / 86400000);
  return ['today', 'yesterday'][days] ?? dateFormat.format(date);
}

const UUID =
  /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/* A UUID by its last group: the first ones of a UUIDv7 are its time, which
 * many viewers have in common. */
function viewerText(userId) {
  return UUID.test(userId) ? `…${userId.slice(-8)}` : userId;
}

function viewsText(count) {
  return count === 1 ? '1 view' : `${count} views`;
}

/* The region is emptied first, so that the same words are said again. */
function announce(text) {
  page.announcer.textContent = '';
  setTimeout(() => { page.announcer.textContent = text; }, 50);
}

/* ---- Where we are: the location ---- */

function place() {
  const given = new URLSearchParams(location.search);
  return {
    videoId: given.get('videoId') ?? '',
    userId: given.get('userId') ?? '',
    cursor: given.get('cursor') ?? '',
  };
}

function address(path, parameters) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters))
    if (value !== '') query.set(name, value);
  const text = query.toString();
  return text === '' ? path : `${path}?${text}`;
}

const isFirstPage = () => place().cursor === '';

/* ---- Rows ---- */

function element(name, className, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

function cell(name, role, className, ...children) {
  const made = element(name, className, ...children);
  made.setAttribute('role', role);
  return made;
}

function filterLink(className, text, parameters, title) {
  const link = element('a', className, text);
  link.href = address('/', parameters);
  link.title = title;
  return link;
}

function videoCell(view) {
  const id = view.video?.id;
  const name = id ?? view.videoPath ?? '';
  const content = id === undefined
    ? element('span', 'cut', titleOf(name))
    : filterLink('cut', titleOf(name), { videoId: id }, `Only views of ${id}`);
  const made = cell('th', 'rowheader', 'video', content);
  made.scope = 'row';
  return made;
}

function viewerCell(view) {
  if (view.userId === undefined)
    return cell('td', 'cell', 'viewer plain', 'not known');
  return cell('td', 'cell', 'viewer',
    filterLink('cut who', viewerText(view.userId), { userId: view.userId },
      `Only views by ${view.userId}`));
}

function whenCell(view) {
  const text = view.viewedAt ?? view.receivedAt ?? '';
  const date = new Date(text);
  if (Number.isNaN(date.getTime()))
    return cell('td', 'cell', 'when plain', text || 'not known');
  const time = element('time', '', timeFormat.format(date), ' ',
    element('span', 'day', dayText(date)));
  time.dateTime = text;
  time.title = fullFormat.format(date);
  return cell('td', 'cell', 'when', time);
}

function farCell(view) {
  const { position, duration } = view;
  if (typeof position !== 'number') {
    const word = view.rule === 'bytes' ? 'downloaded' : 'not known';
    return cell('td', 'cell', 'howfar plain', word);
  }
  const far = element('div', 'far', element('span', '', clockText(position)));
  if (typeof duration === 'number' && duration > 0) {
    far.firstChild.append(' ', element('span', 'of',
      `of ${clockText(duration)}`));
    const bar = element('progress');
    bar.max = duration;
    bar.value = Math.min(position, duration);
    bar.setAttribute('aria-hidden', 'true'); /* the words say it */
    far.append(bar);
  }
  return cell('td', 'cell', 'howfar', far);
}

function rowOf(view) {
  const row = cell('tr', 'row', '',
    videoCell(view), whenCell(view), farCell(view), viewerCell(view));
  row.dataset.id = view._id;
  return row;
}

/* "today" becomes "yesterday" while the page is open. */
function renewDay(row) {
  const day = row.querySelector('.day');
  if (day === null) return;
  const text = dayText(new Date(row.querySelector('time').dateTime));
  if (day.textContent !== text) day.textContent = text;
}

function markFresh(row) {
  row.classList.add('fresh');
  setTimeout(() => row.classList.remove('fresh'), FRESH_MS);
}

/*
 * Brings the table to these views. Rows that stay keep their element, so
 * nothing under the pointer or the focus is replaced. Returns how many came.
 */
function showRows(views, tellFresh) {
  const kept = new Map();
  for (const row of page.rows.children) kept.set(row.dataset.id, row);
  let came = 0;
  let at = page.rows.firstElementChild;
  for (const view of views) {
    let row = kept.get(view._id);
    kept.delete(view._id);
    if (row === undefined) {
      row = rowOf(view);
      came++;
      if (tellFresh) markFresh(row);
    } else {
      renewDay(row);
    }
    if (row === at) at = at.nextElementSibling;
    else page.rows.insertBefore(row, at);
  }
  for (const row of kept.values()) row.remove();
  return came;
}

/* ---- What stands around the rows ---- */

function suggest(list, value) {
  if (value === undefined || list.children.length >= SUGGESTIONS_MAX) return;
  for (const option of list.children) if (option.value === value) return;
  const option = element('option');
  option.value = value;
  list.append(option);
}

function showFilters() {
  const { videoId, userId } = place();
  page.videoId.value = videoId;
  page.userId.value = userId;
  page.clear.hidden = videoId === '' && userId === '';
  const what = videoId === '' ? 'Every view' : `Views of “${videoId}”`;
  const who = userId === '' ? '' : ` by ${userId}`;
  page.scope.textContent = `${what}${who}, the newest first.`;
  page.caption.textContent = page.scope.textContent;
}

function showEmpty(isEmpty) {
  const { videoId, userId, cursor } = place();
  page.empty.hidden = !isEmpty;
  page.table.hidden = isEmpty;
  if (!isEmpty) return;
  if (cursor !== '') {
    page.emptyTitle.textContent = 'No older views';
    page.emptyText.textContent = 'This is the end of the history.';
  } else if (videoId !== '' || userId !== '') {
    page.emptyTitle.textContent = 'No view matches';
    page.emptyText.textContent =
      'A filter takes the whole id of a video or of a viewer.';
  } else {
    page.emptyTitle.textContent = 'No views yet';
    page.emptyText.textContent =
      'Play a video for ten seconds and it shows up here by itself.';
  }
}

function setAvailable(button, available) {
  button.setAttribute('aria-disabled', String(!available));
}

function showPages(count) {
  const first = isFirstPage();
  page.pages.hidden = first && nextCursor === '';
  setAvailable(page.newest, !first);
  setAvailable(page.older, nextCursor !== '');
  page.range.textContent = count === 0 ? ''
    : first ? `The newest ${viewsText(count)}` : `Older, ${viewsText(count)}`;
}

function cursorOf(next) {
  if (typeof next !== 'string') return '';
  return new URL(next, location.origin).searchParams.get('cursor') ?? '';
}

/* ---- Asking the service ---- */

let nextCursor = '';    /* of the page shown; '' on the last one */
let shownSearch = null; /* the location's query whose views are shown */
let failures = 0;       /* in a row */
let timer = 0;
let asking = null;      /* the AbortController of the running question */

class Refused extends Error {} /* asking again cannot help */
class Unknown extends Refused {} /* who asks */

/* For as long as this tab is open; in no address. */
const TOKEN = 'flixtube-token';

async function problemText(response) {
  try {
    const problem = await response.json();
    return String(problem.detail ?? problem.title).slice(0, 300);
  } catch {
    return `status ${response.status}`;
  }
}

async function ask(signal) {
  const { videoId, userId, cursor } = place();
  const headers = { accept: 'application/json' };
  const token = sessionStorage.getItem(TOKEN);
  if (token !== null) headers.authorization = `Bearer ${token}`;
  const response = await fetch(
    address('/history', { videoId, userId, limit: PAGE_ROWS, cursor }),
    { headers, cache: 'no-store', signal });
  if (response.status === 401) throw new Unknown(await problemText(response));
  if (response.status >= 400 && response.status < 500)
    throw new Refused(await problemText(response));
  if (!response.ok) throw new Error(await problemText(response));
  const answer = await response.json();
  if (!Array.isArray(answer?.history)) throw new Error('not a history');
  return answer;
}

function show(answer) {
  const views = answer.history;
  const before = shownSearch;
  const isRefresh = before === location.search;
  const came = showRows(views, isRefresh);
  nextCursor = cursorOf(answer.next);
  shownSearch = location.search;
  for (const view of views) {
    suggest(page.videos, view.video?.id);
    suggest(page.viewers, view.userId);
  }
  page.loading.hidden = true;
  page.sheet.hidden = false;
  page.sheet.removeAttribute('aria-busy');
  page.live.hidden = !isFirstPage();
  showEmpty(views.length === 0);
  showPages(views.length);
  if (!page.notice.hidden) announce('The history answers again.');
  page.notice.hidden = true;
  page.sign.hidden = true;
  if (isRefresh && came > 0) announce(`${viewsText(came)} new.`);
  else if (!isRefresh && before !== null) announce(sayPage(views.length));
}

function sayPage(count) {
  return count === 0 ? page.emptyTitle.textContent
    : `${page.scope.textContent} ${page.range.textContent || viewsText(count)}.`;
}

/* What is shown stays, as long as it belongs to this location. */
function showTrouble(error) {
  const away = error instanceof TypeError || error.name === 'AbortError';
  const text = error instanceof Refused
    ? `The history service refuses this: ${error.message}.`
    : `The history service does not answer${away ? '' : ` (${error.message})`}.`
      + ' Trying again by itself.';
  if (page.notice.hidden || page.notice.textContent !== text) announce(text);
  page.notice.textContent = text;
  page.notice.hidden = false;
  page.live.hidden = true;
  page.sign.hidden = !(error instanceof Unknown);
  if (shownSearch === location.search) return;
  shownSearch = '?'; /* none: what comes next is no news */
  nextCursor = '';
  showRows([], false);
  page.sheet.hidden = true;
  showPages(0);
}

function askAgainIn(wait_ms) {
  clearTimeout(timer);
  if (document.visibilityState === 'visible')
    timer = setTimeout(refresh, wait_ms);
}

async function refresh() {
  clearTimeout(timer);
  asking?.abort();
  const mine = new AbortController();
  asking = mine;
  const deadline = setTimeout(() => mine.abort(), ANSWER_MS_MAX);
  try {
    const answer = await ask(mine.signal);
    if (asking !== mine) return; /* another page was chosen meanwhile */
    show(answer);
    failures = 0;
    if (isFirstPage()) askAgainIn(REFRESH_MS);
  } catch (error) {
    if (asking !== mine) return;
    showTrouble(error);
    if (!(error instanceof Refused))
      askAgainIn(Math.min(RETRY_MS_MAX, REFRESH_MS * 2 ** failures++));
  } finally {
    clearTimeout(deadline);
  }
}

/* ---- What the reader does ---- */

async function arrive() {
  failures = 0;
  showFilters();
  page.sheet.setAttribute('aria-busy', 'true');
  await refresh();
  /* The link that led here may be gone with its row. */
  if (document.activeElement === document.body)
    page.heading.focus({ preventScroll: true });
  if (page.sheet.getBoundingClientRect().top < 0)
    page.sheet.scrollIntoView({ block: 'start' });
}

function go(parameters) {
  const to = address('/', parameters);
  if (to !== location.pathname + location.search)
    history.pushState(null, '', to);
  return arrive();
}

/* One may type what the table shows, where that is a short form of an id. */
function idOf(typed, list, shortText) {
  for (const { value } of list.children)
    if (typed === value || typed === shortText(value)) return value;
  return typed;
}

page.filters.addEventListener('submit', (event) => {
  event.preventDefault();
  go({
    videoId: idOf(page.videoId.value.trim(), page.videos, titleOf),
    userId: idOf(page.userId.value.trim(), page.viewers, viewerText),
  });
});

page.sign.addEventListener('submit', (event) => {
  event.preventDefault();
  sessionStorage.setItem(TOKEN, page.token.value.trim());
  page.token.value = '';
  arrive();
});

page.clear.addEventListener('click', () => {
  page.videoId.focus(); /* this button goes away */
  go({});
});

page.older.addEventListener('click', () => {
  const { videoId, userId } = place();
  if (nextCursor !== '') go({ videoId, userId, cursor: nextCursor });
});

page.newest.addEventListener('click', () => {
  const { videoId, userId, cursor } = place();
  if (cursor !== '') go({ videoId, userId });
});

page.rows.addEventListener('click', (event) => {
  const link = event.target.closest('a');
  const plain = event.button === 0 && !event.ctrlKey && !event.metaKey
    && !event.shiftKey && !event.altKey;
  if (link === null || !plain) return; /* a new tab, say: the browser's */
  event.preventDefault();
  go(Object.fromEntries(new URL(link.href).searchParams));
});

addEventListener('popstate', arrive);

document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'hidden') {
    clearTimeout(timer);
  } else if (isFirstPage() || !page.notice.hidden) {
    failures = 0;
    refresh();
  }
});

showFilters();
refresh();
