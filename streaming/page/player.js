/*
 * The player page: the videos, the player with its reports of what was
 * played, and the viewer's own history beside it.
 *
 * Everything that came from a service is put in as text, never as markup.
 */

const HISTORY_ROWS = 10;
const HISTORY_REFRESH_MS = 2000;
const VIDEOS_REFRESH_MS = 30000;
const RETRY_MS_MIN = 1000;
const RETRY_MS_MAX = 10000;
const ANSWER_MS_MAX = 10000;   /* then a service counts as away */
const REPORT_MS = 5000;        /* between reports while it plays */
const OPENING_MS_MAX = 1500;   /* a slow first report does not hold it up */
const COUNTS_AFTER_S = 10;     /* or half of a shorter video */
const SILENCE_MS = 60000;      /* a new session after less is a restart */
const RESUME_MARGIN_S = 5;     /* this near to an end one starts anew */
const AT_ONCE_MS = 500;        /* what follows sooner says the same */
const FRESH_MS = 6000;         /* as long as the tint in the style sheet */
const SEARCH_FROM_VIDEOS = 10; /* fewer are seen at a glance */

const byId = (id) => document.getElementById(id);
const page = {
  announcer: byId('announcer'), count: byId('count'),
  countText: byId('count-text'), facts: byId('facts'), find: byId('find'),
  historyAll: byId('history-all'), historyEmpty: byId('history-empty'),
  historyLink: byId('history-link'), historyNotice: byId('history-notice'),
  player: byId('player'), playerNotice: byId('player-notice'),
  reportNotice: byId('report-notice'), restart: byId('restart'),
  resume: byId('resume'), resumeText: byId('resume-text'),
  search: byId('search'), title: byId('title'), toward: byId('toward'),
  videos: byId('videos'), videosEmpty: byId('videos-empty'),
  videosNotice: byId('videos-notice'), viewer: byId('viewer'),
  views: byId('views'),
};
const player = page.player;

/* ---- Words ---- */

function clockText(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (n) => String(n).padStart(2, '0');
  const [h, m, s] =
    [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

function sizeText(bytes) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let unit = 0;
  let size = bytes;
  for (; size >= 1000 && unit < units.length - 1; unit++) size /= 1000;
  return `${size.toFixed(size < 10 && unit > 0 ? 1 : 0)} ${units[unit]}`;
}

/* The name of a file as a title, for a video that is not in the list. */
function titleOf(name) {
  const file = name.split('/').pop() || name;
  return file.replace(/\.[A-Za-z0-9]{1,5}$/, '').replaceAll('_', ' ') || name;
}

function factsText(video) {
  const facts = [];
  if (typeof video.duration === 'number') facts.push(clockText(video.duration));
  if (typeof video.bytes === 'number') facts.push(sizeText(video.bytes));
  return facts.join(' · ');
}

const timeFormat = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });
const dateFormat = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' });
const fullFormat =
  new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'long' });

function whenText(date) {
  const midnight = (d) => new Date(d.getFullYear(), d.getMonth(), d.getDate());
  const days = Math.round((midnight(new Date()) - midnight(date)) / 86400000);
  const day = ['Today', 'Yesterday'][days] ?? dateFormat.format(date);
  return `${day}, ${timeFormat.format(date)}`;
}

/* The region is emptied first, so that the same words are said again. */
function announce(text) {
  page.announcer.textContent = '';
  setTimeout(() => { page.announcer.textContent = text; }, 50);
}

/* Shows and says it once, however often it is found again. */
function setNotice(notice, text) {
  if (notice.textContent === text && !notice.hidden) return;
  notice.textContent = text;
  notice.hidden = text === '';
  if (text !== '') announce(text);
}

function element(name, className, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}

/* ---- Asking the services ---- */

const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
const retryMs = (failures) =>
  Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** (failures - 1));

class Refused extends Error {} /* asking again cannot help */

async function problemText(response) {
  try {
    const problem = await response.json();
    return String(problem.detail ?? problem.title).slice(0, 300);
  } catch {
    return `status ${response.status}`;
  }
}

async function askJson(url, options = {}) {
  const response = await fetch(url, {
    cache: 'no-store', signal: AbortSignal.timeout(ANSWER_MS_MAX), ...options,
  });
  if (response.ok) return response.json();
  const text = await problemText(response);
  const mayHelpLater = response.status >= 500
    || response.status === 408 || response.status === 429;
  throw mayHelpLater ? new Error(text) : new Refused(text);
}

/*
 * Calls work() now and then every interval_ms while the page is visible, and
 * less and less often while it fails. Returns a function that calls it at
 * once.
 */
function repeat(work, interval_ms) {
  let timer = 0;
  let running = false;
  let wanted = false;
  let failures = 0;
  async function run() {
    clearTimeout(timer);
    wanted = true;
    if (running) return;
    running = true;
    while (wanted) {
      wanted = false;
      failures = await work() ? 0 : failures + 1;
    }
    running = false;
    if (document.visibilityState === 'visible')
      timer = setTimeout(run, failures > 0 ? retryMs(failures) : interval_ms);
  }
  document.addEventListener('visibilitychange', () => {
    if (document.visibilityState === 'visible') run();
    else clearTimeout(timer);
  });
  return run;
}

/* ---- The viewer and the viewer's history ---- */

let viewer = null; /* {userId, historyUrl, token, until_ms} */

async function meetViewer() {
  const told = await askJson('/viewer');
  const url = new URL(told.historyUrl);
  if (!/^https?:$/.test(url.protocol)) throw new Error('not an address');
  viewer = {
    userId: told.userId, historyUrl: url.href.replace(/\/+$/, ''),
    token: told.token, until_ms: Date.now() + told.tokenSeconds * 800,
  };
  page.historyLink.href = `${viewer.historyUrl}/`;
  page.historyAll.href =
    `${viewer.historyUrl}/?userId=${encodeURIComponent(viewer.userId)}`;
  page.historyAll.hidden = false;
  const name = element('code', '', `…${viewer.userId.slice(-8)}`);
  name.title = viewer.userId;
  page.viewer.replaceChildren('You are the viewer ', name, '.');
  page.viewer.hidden = false;
}

function viewFacts(view) {
  const facts = element('p', 'view-facts');
  const text = view.viewedAt ?? view.receivedAt;
  const date = new Date(text);
  if (!Number.isNaN(date.getTime())) {
    const time = element('time', '', whenText(date));
    time.dateTime = text;
    time.title = fullFormat.format(date);
    facts.append(time);
  }
  if (typeof view.position === 'number') {
    const of = typeof view.duration === 'number'
      ? ` of ${clockText(view.duration)}` : '';
    facts.append(element('span', '', `${clockText(view.position)}${of}`));
  }
  return facts;
}

function viewItem(view, title, isKnown) {
  const name = element('p', 'view-name', title);
  if (isKnown) {
    const link = element('a', '', title);
    link.href = `#${encodeURIComponent(view.video.id)}`;
    name.replaceChildren(link);
  }
  const item = element('li', '', name, viewFacts(view));
  if (typeof view.position === 'number' && view.duration > 0) {
    const bar = element('progress');
    bar.max = view.duration;
    bar.value = Math.min(view.position, view.duration);
    bar.setAttribute('aria-hidden', 'true'); /* the words say it */
    item.append(bar);
  }
  return item;
}

/*
 * Brings a list to these items: [{key, make()}]. What stays keeps its element,
 * so nothing under the pointer or the focus is replaced.
 */
function showItems(list, items) {
  const kept = new Map();
  for (const child of list.children) kept.set(child.dataset.key, child);
  let at = list.firstElementChild;
  for (const { key, make } of items) {
    let child = kept.get(key);
    kept.delete(key);
    if (child === undefined) {
      child = make();
      child.dataset.key = key;
    }
    if (child === at) at = at.nextElementSibling;
    else list.insertBefore(child, at);
  }
  for (const child of kept.values()) child.remove();
}

let seenViews = null; /* the ids that were shown; null before the first */

function showHistory(views) {
  const seen = seenViews;
  showItems(page.views, views.map((view) => {
    const id = view.video?.id;
    const known = videos.find((video) => video.id === id);
    const title = known?.title ?? titleOf(id ?? view.videoPath ?? '');
    /* The title and the day may change while the view stays. */
    const key = JSON.stringify(
      [view._id, title, known !== undefined, new Date().toDateString()]);
    return { key, make: () => {
      const item = viewItem(view, title, known !== undefined);
      if (seen !== null && !seen.has(view._id)) {
        item.classList.add('fresh');
        setTimeout(() => item.classList.remove('fresh'), FRESH_MS);
      }
      return item;
    } };
  }));
  seenViews = new Set(views.map((view) => view._id));
  page.historyEmpty.hidden = views.length > 0;
  page.historyEmpty.textContent =
    'Nothing yet. A video that you play for ten seconds shows up here.';
}

async function refreshHistory() {
  try {
    if (viewer === null || Date.now() > viewer.until_ms) await meetViewer();
    const answer = await askJson(`${viewer.historyUrl}/history?userId=`
      + `${encodeURIComponent(viewer.userId)}&limit=${HISTORY_ROWS}`,
    {
      credentials: 'omit',
      headers: viewer.token ? { authorization: `Bearer ${viewer.token}` } : {},
    });
    if (!Array.isArray(answer?.history)) throw new Error('not a history');
    showHistory(answer.history);
    setNotice(page.historyNotice, '');
    return true;
  } catch (error) {
    /* The token may be of a key that is no more. */
    if (error instanceof Refused && viewer?.token) viewer.until_ms = 0;
    const where = viewer === null ? '' : ` at ${viewer.historyUrl}`;
    const why = error instanceof Refused ? ` It says: ${error.message}.` : '';
    setNotice(page.historyNotice, `Your history${where} does not answer this`
      + ` page just now.${why} Trying again by itself.`);
    if (seenViews === null) page.historyEmpty.hidden = true;
    return false;
  }
}

const historyNow = repeat(refreshHistory, HISTORY_REFRESH_MS);

/* A counted view takes a moment through the broker. */
async function expectView() {
  for (const wait_ms of [0, 300, 700]) {
    await sleep(wait_ms);
    historyNow();
  }
}

/* ---- The videos ---- */

let videos = []; /* as the service lists them */

const SVG = 'http://www.w3.org/2000/svg';

function playGlyph() {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 16 16');
  svg.setAttribute('aria-hidden', 'true');
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', 'M4.5 2.2v11.6L13.6 8z');
  svg.append(path);
  return element('span', 'glyph', svg);
}

function videoItem(video) {
  const label = element('span', 'label', video.title);
  const link = element('a', '', playGlyph(), label,
    element('span', 'facts-of', factsText(video)));
  link.href = `#${encodeURIComponent(video.id)}`;
  link.title = video.title;
  link.dataset.id = video.id;
  return element('li', '', link);
}

function showVideos() {
  const wanted = page.find.value.trim().toLowerCase();
  const found = videos.filter((video) =>
    video.title.toLowerCase().includes(wanted));
  showItems(page.videos, found.map((video) => ({
    key: JSON.stringify([video.id, video.title, video.bytes, video.duration]),
    make: () => videoItem(video),
  })));
  page.search.hidden = videos.length < SEARCH_FROM_VIDEOS && wanted === '';
  page.videosEmpty.hidden = found.length > 0;
  page.videosEmpty.textContent = videos.length > 0
    ? 'No video has a title like that.'
    : 'There are no videos yet. Put one into the folder of the videos.';
  markChosen();
}

function markChosen() {
  for (const link of page.videos.querySelectorAll('a')) {
    if (link.dataset.id === current?.id)
      link.setAttribute('aria-current', 'true');
    else link.removeAttribute('aria-current');
  }
}

async function refreshVideos() {
  try {
    const answer = await askJson('/videos');
    if (!Array.isArray(answer?.videos)) throw new Error('not a list');
    videos = answer.videos;
    showVideos();
    setNotice(page.videosNotice, '');
    if (current === null) openByLocation({ play: false });
    return videos.length > 0; /* an empty folder is looked at more often */
  } catch (error) {
    setNotice(page.videosNotice, 'The list of the videos cannot be read just'
      + ` now (${error.message}). Trying again by itself.`);
    if (videos.length === 0) page.videosEmpty.hidden = true;
    return false;
  }
}

page.find.addEventListener('input', showVideos);

/* ---- What was played ---- */

/*
 * Of each video that was opened since the page was: the distinct seconds that
 * were played. `segments` are [from, to] in order and disjoint. The player's
 * own `played` would forget them with every change of the video.
 */
const tracks = new Map();
let current = null; /* the video that is open, one of `videos` */
let lastTime = null; /* where the playing that goes on was seen last */

function trackOf(id) {
  let track = tracks.get(id);
  if (track === undefined) {
    track = { segments: [], sessionId: '', counted: false, answered_ms: 0,
      reported_ms: 0, reported: '' };
    tracks.set(id, track);
  }
  return track;
}

function addSegment(segments, from, to) {
  const apart = segments.filter(([a, b]) => b < from || a > to);
  const joined = segments.filter(([a, b]) => b >= from && a <= to);
  const merged = [
    Math.min(from, ...joined.map(([a]) => a)),
    Math.max(to, ...joined.map(([, b]) => b)),
  ];
  return [...apart, merged].sort(([a], [b]) => a - b);
}

const playedSeconds = (track) =>
  track.segments.reduce((sum, [from, to]) => sum + to - from, 0);

/* A seek ends a segment: what was jumped over was not played. */
function follow() {
  const now = player.currentTime;
  if (player.seeking || current === null) {
    lastTime = null;
    return;
  }
  const track = trackOf(current.id);
  if (lastTime !== null && now > lastTime)
    track.segments = addSegment(track.segments, lastTime, now);
  lastTime = now;
}

function durationKnown() {
  if (Number.isFinite(player.duration) && player.duration > 0)
    return player.duration;
  return typeof current?.duration === 'number' ? current.duration : undefined;
}

function countsAfter() {
  const duration = current?.duration ?? durationKnown() ?? Infinity;
  return Math.min(COUNTS_AFTER_S, duration / 2);
}

function showCount() {
  page.count.hidden = current === null;
  if (current === null) return;
  const track = trackOf(current.id);
  const after_s = countsAfter();
  page.count.classList.toggle('done', track.counted);
  page.toward.max = after_s;
  page.toward.value = Math.min(playedSeconds(track), after_s);
  const text = track.counted ? 'Counted as a view'
    : `Counts as a view after ${Math.ceil(after_s)} s played`;
  if (page.countText.textContent !== text) page.countText.textContent = text;
}

/* ---- The reports ---- */

const waiting = new Map(); /* video id → its newest report, not yet sent */
let sending = false;

const rounded = (seconds) => Math.round(seconds * 1000) / 1000;

function reportOf(video) {
  const duration = durationKnown();
  return {
    videoId: video.id,
    position: rounded(player.currentTime),
    played: rounded(playedSeconds(trackOf(video.id))),
    ...(duration === undefined ? {} : { duration: rounded(duration) }),
  };
}

const sendReport = (report) => askJson('/progress', {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(report),
});

/*
 * A session that is new after a long silence began with what comes now; what
 * was played before belongs to the one that ended. After a short silence it
 * is the service that forgot, and all that was played still counts.
 */
function takeAnswer(id, answer) {
  const track = trackOf(id);
  const now_ms = performance.now();
  if (track.sessionId !== '' && track.sessionId !== answer.sessionId) {
    if (now_ms - track.answered_ms > SILENCE_MS) track.segments = [];
    track.counted = false;
  }
  const isNews = answer.counted === true && !track.counted;
  track.sessionId = answer.sessionId;
  track.answered_ms = now_ms;
  track.counted ||= answer.counted === true;
  showCount();
  if (!isNews) return;
  if (playedSeconds(track) > 0) announce('Counted as a view.');
  expectView();
}

/* One at a time, so that they arrive in order; of a video only the newest. */
async function sendWaiting() {
  if (sending) return;
  sending = true;
  let failures = 0;
  while (waiting.size > 0) {
    const [id, report] = waiting.entries().next().value;
    try {
      const answer = await sendReport(report);
      if (waiting.get(id) === report) waiting.delete(id);
      failures = 0;
      takeAnswer(id, answer);
      setNotice(page.reportNotice, '');
    } catch (error) {
      if (error instanceof Refused) {
        waiting.delete(id);
        setNotice(page.reportNotice,
          `What you play is not counted: ${error.message}.`);
        continue;
      }
      setNotice(page.reportNotice, 'What you play cannot be counted just now.'
        + ' It is kept, and sent when the service answers again.');
      await sleep(retryMs(++failures));
    }
  }
  sending = false;
}

function report() {
  if (current === null) return;
  const track = trackOf(current.id);
  const now = reportOf(current);
  track.reported_ms = performance.now();
  track.reported = JSON.stringify(now);
  waiting.set(current.id, now);
  sendWaiting();
}

let left_ms = -Infinity;

/* The page may end with this, so the browser sends it on its own. A page that
 * is closed is told so twice, hidden and gone. */
function reportAtLeave() {
  if (current === null) return;
  follow();
  const track = trackOf(current.id);
  const text = JSON.stringify(reportOf(current));
  rememberPosition();
  const isRepeat = text === track.reported
    || performance.now() - left_ms < AT_ONCE_MS;
  if (track.segments.length === 0 || isRepeat) return;
  left_ms = performance.now();
  track.reported = text;
  navigator.sendBeacon('/progress', text);
}

player.addEventListener('timeupdate', () => {
  if (current === null) return;
  const track = trackOf(current.id);
  const before = playedSeconds(track);
  follow();
  const after_s = countsAfter();
  const justEnough = before < after_s && playedSeconds(track) >= after_s;
  const isDue = performance.now() - track.reported_ms >= REPORT_MS;
  if (justEnough || (isDue && !player.paused && !player.seeking)) {
    report();
    rememberPosition();
  }
  showCount();
});
player.addEventListener('playing', follow);
player.addEventListener('seeking', () => { lastTime = null; });
player.addEventListener('pause', () => {
  if (player.readyState === 0) return; /* another video was chosen */
  follow();
  if (!player.ended && !player.seeking) report();
});
player.addEventListener('seeked', () => {
  if (player.readyState === 0) return;
  lastTime = player.currentTime;
  report();
});
player.addEventListener('ended', () => {
  follow();
  report();
  rememberPosition();
});
addEventListener('pagehide', reportAtLeave);
document.addEventListener('visibilitychange', () => {
  if (document.visibilityState === 'hidden') reportAtLeave();
});

/* ---- Where one left off, kept in this browser alone ---- */

const positionKey = (id) => `position ${id}`;

function rememberPosition() {
  if (current === null || player.readyState === 0) return;
  try {
    localStorage.setItem(positionKey(current.id),
      String(rounded(player.currentTime)));
  } catch { /* no storage: then one starts anew */ }
}

function rememberedPosition(id, duration) {
  try {
    const position = Number(localStorage.getItem(positionKey(id)));
    return position > RESUME_MARGIN_S && position < duration - RESUME_MARGIN_S
      ? position : 0;
  } catch {
    return 0;
  }
}

/* ---- The player ---- */

let playerFailures = 0; /* in a row; 0 again when it can play */

const sourceOf = (id) => `/video?id=${encodeURIComponent(id)}&reports=1`;

function tryPlay() {
  player.play().catch((error) => {
    /* Not allowed without a click, or another video was chosen: the player
     * stands ready, and its own error event tells what is wrong. */
    if (!['NotAllowedError', 'AbortError', 'NotSupportedError']
      .includes(error.name))
      setNotice(page.playerNotice, `It does not play: ${error.message}`);
  });
}

function load(video, position_s, play) {
  lastTime = null;
  player.src = sourceOf(video.id);
  player.onloadedmetadata = () => {
    const at_s = position_s ?? rememberedPosition(video.id, player.duration);
    if (at_s > 0) player.currentTime = at_s;
    page.resume.hidden = position_s !== undefined || at_s === 0;
    page.resumeText.textContent =
      `Goes on at ${clockText(at_s)}, where you left off.`;
    showCount();
  };
  if (play) tryPlay();
}

/* The video that was open, if one was: its last report and position. */
function leave() {
  if (current === null || player.readyState === 0) return;
  player.pause();
  follow();
  report();
  rememberPosition();
}

/*
 * The first report comes before the first byte, so that the service knows that
 * this player tells by itself what it plays.
 */
async function open(video, { play }) {
  leave();
  current = video;
  lastTime = null;
  playerFailures = 0;
  page.title.textContent = video.title;
  page.facts.textContent = factsText(video);
  page.resume.hidden = true;
  document.title = `${video.title} · FlixTube`;
  player.setAttribute('aria-label', video.title);
  player.hidden = false;
  player.removeAttribute('src');
  player.load();
  setNotice(page.playerNotice, '');
  markChosen();
  showCount();
  report();
  if (play) player.focus();
  await opened(video.id);
  if (current === video) load(video, undefined, play);
}

/* Until the report that just went out is answered, but not for long. */
async function opened(id) {
  const until_ms = performance.now() + OPENING_MS_MAX;
  while (waiting.has(id) && performance.now() < until_ms) await sleep(20);
}

function openByLocation({ play }) {
  let id = '';
  try {
    id = decodeURIComponent(location.hash.slice(1));
  } catch { /* not one of ours: as good as none */ }
  const video = videos.find((one) => one.id === id);
  if (video !== undefined) {
    if (video.id !== current?.id) {
      open(video, { play });
    } else if (play) {
      player.focus();
      tryPlay();
    }
    return;
  }
  if (current === null && videos.length > 0) open(videos[0], { play: false });
  if (id !== '') setNotice(page.playerNotice,
    `There is no video “${id}” here. Choose one from the list.`);
}

/* The browser does not say why a source failed; the service does. */
async function whyNot(video) {
  try {
    const response = await fetch(sourceOf(video.id), {
      method: 'HEAD', cache: 'no-store',
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    });
    if (response.status === 404) return 'gone';
    return response.ok ? 'unplayable' : 'away';
  } catch {
    return 'away';
  }
}

player.addEventListener('error', async () => {
  const video = current;
  if (video === null || player.error === null) return;
  const position_s = player.currentTime;
  const wasPlaying = !player.paused;
  const why = await whyNot(video);
  if (current !== video || player.error === null) return;
  if (why === 'gone') {
    setNotice(page.playerNotice, 'This video is no longer here.');
    videosNow();
  } else if (why === 'unplayable'
    && player.error.code !== MediaError.MEDIA_ERR_NETWORK) {
    setNotice(page.playerNotice, 'This browser cannot play this video: its'
      + ' format is unknown to it, or the file is damaged.');
  } else {
    setNotice(page.playerNotice,
      'The video does not arrive. Trying again by itself.');
    await sleep(retryMs(++playerFailures));
    if (current === video && player.error !== null)
      load(video, position_s, wasPlaying);
  }
});

player.addEventListener('canplay', () => {
  if (playerFailures === 0) return;
  playerFailures = 0;
  setNotice(page.playerNotice, '');
});

page.restart.addEventListener('click', () => {
  page.resume.hidden = true;
  player.currentTime = 0;
  player.focus();
  tryPlay();
});

/* A click on the video that is open changes no location, so it is no
 * hashchange; both lead to the same. */
document.addEventListener('click', (event) => {
  const link = event.target.closest?.('a[href^="#"]');
  if (link && link.hash === location.hash && !event.ctrlKey && !event.metaKey)
    openByLocation({ play: true });
});
addEventListener('hashchange', () => openByLocation({ play: true }));

const videosNow = repeat(refreshVideos, VIDEOS_REFRESH_MS);

/* The viewer first: its answer sets the cookie that the rest is counted by. */
await meetViewer().catch(() => {}); /* historyNow() says it, and tries again */
historyNow();
videosNow();
