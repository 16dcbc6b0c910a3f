/* A company page's own button may open the chat, too. */
document.getElementById("contact").addEventListener("click", () => window.hotlineChat.open());
