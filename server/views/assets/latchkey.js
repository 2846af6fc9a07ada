// Makes the hosted pages nicer. Everything works without it; the server checks everything again.
(function () {
  'use strict';

  // A form is sent once. Coming back to the page allows it again, and so does an answer that never comes.
  var patience = 10000; // milliseconds
  var sent = new WeakSet();
  document.addEventListener('submit', function (event) {
    var form = event.target;
    if (event.defaultPrevented) return;
    if (sent.has(form)) {
      event.preventDefault();
      return;
    }
    sent.add(form);
    mark(form, true);
    setTimeout(function () {
      sent.delete(form);
      mark(form, false);
    }, patience);
  });
  window.addEventListener('pageshow', function (event) {
    if (!event.persisted) return;
    sent = new WeakSet();
    Array.prototype.forEach.call(document.forms, function (form) { mark(form, false); });
  });

  function mark(form, busy) {
    form.querySelectorAll('button[type="submit"]').forEach(function (button) {
      if (busy) button.setAttribute('aria-disabled', 'true');
      else button.removeAttribute('aria-disabled');
    });
  }

  // Show or hide a password. It is hidden again before it is sent, so that browsers don't store it as plain text.
  document.querySelectorAll('[data-reveal]').forEach(function (button) {
    var input = document.getElementById(button.getAttribute('data-reveal'));
    if (!input) return;
    function show(on) {
      input.type = on ? 'text' : 'password';
      button.setAttribute('aria-pressed', String(on));
    }
    button.hidden = false;
    button.addEventListener('click', function () { show(input.type === 'password'); });
    if (input.form) input.form.addEventListener('submit', function () { show(false); });
  });

  // Tick password rules while typing. Rules with an unknown code stay as the server drew them.
  var rules = document.getElementById('password-rules');
  var password = document.getElementById('password');
  if (rules && password) password.addEventListener('input', function () { check(rules, password.value); });

  function check(list, value) {
    var met = 0;
    Array.prototype.forEach.call(list.children, function (item) {
      var result = verdict(item, value);
      if (result === null) return;
      if (result) met++;
      item.classList.toggle('met', result);
      item.classList.remove('failed');
      item.querySelector(':scope > [data-state]').textContent = result ? ' (' + rules.getAttribute('data-met') + ')' : '';
    });
    return met;
  }

  function verdict(item, value) {
    var n = Number(item.getAttribute('data-n'));
    var items = item.querySelector(':scope > ul');
    switch (item.getAttribute('data-rule')) {
      case 'nonEmpty': return value.length > 0;
      case 'lengthAtLeast': return Array.from(value).length >= n;
      case 'shouldContain': return items ? check(items, value) === items.children.length : null;
      case 'containsAtLeast': return items ? check(items, value) >= n : null;
      case 'identicalChars': return value.length > 0 && !repeats(value, n);
      case 'lowerCase': return /[a-z]/.test(value);
      case 'upperCase': return /[A-Z]/.test(value);
      case 'numbers': return /[0-9]/.test(value);
      case 'specialCharacters': return /[ !"#$%&'()*+,\-.\/:;<=>?@[\\\]^_`{|}~]/.test(value);
      default: return null;
    }
  }

  // More than n equal characters in a row.
  function repeats(value, n) {
    var run = 0;
    var last = null;
    return Array.from(value).some(function (c) {
      run = c === last ? run + 1 : 1;
      last = c;
      return run > n;
    });
  }
})();
