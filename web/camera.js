/* Takes a photo with the camera. Where the browser gives none to the page (no https, no permission, no camera), a
 * phone's own camera is asked through a file input. */
import {at, button, dialogHead, element, openDialog} from "./dom.js";
import {say} from "./notice.js";

/* done(blob) */
export async function openCamera(done) {
    if (!navigator.mediaDevices?.getUserMedia) {
        at("capture").click();
        return;
    }
    let stream;
    try {
        stream = await navigator.mediaDevices.getUserMedia(
            {video: {facingMode: "environment", width: {ideal: 1920}}, audio: false});
    } catch (error) {
        say(error.name === "NotAllowedError" ? "The browser was not allowed to use the camera." :
                                               "No camera was found; choose a photo instead.");
        if (matchMedia("(pointer: coarse)").matches) at("capture").click();
        return;
    }
    const dialog = at("camera"), video = element("video", {playsinline: true, "aria-label": "What the camera sees"});
    video.muted = true;
    video.srcObject = stream;
    const take = () => {
        const canvas = document.createElement("canvas");
        canvas.width = video.videoWidth;
        canvas.height = video.videoHeight;
        canvas.getContext("2d").drawImage(video, 0, 0);
        canvas.toBlob((blob) => {
            dialog.close();
            if (blob) done(new File([blob], "taken.jpg", {type: "image/jpeg"}));
        }, "image/jpeg", 0.92);
    };
    const shutter = button("Take the photo", {class: "primary", id: "shutter", disabled: true, click: take});
    video.addEventListener("playing", () => {
        shutter.disabled = false;
        shutter.focus();
    });
    dialog.replaceChildren(
        dialogHead("camera-title", "Take a photo", dialog), video, element("div", {class: "buttons"}, shutter));
    dialog.addEventListener(
        "close", () => stream.getTracks().forEach((track) => track.stop()),
        {once: true}); /* puts the camera's light out */
    openDialog(dialog);
    video.play().catch(() => say("The camera gives no picture."));
}
